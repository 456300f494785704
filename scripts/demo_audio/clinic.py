"""Calls of Harbour Clinic, a group of dental and eye clinics."""

from demo_audio.dialogue import Scenario

_BOOKING = Scenario(
    name="booking",
    disposition="booked",
    script="""
A: Good morning, Harbour Clinic, {agent} speaking. | Thank you for calling Harbour Clinic.
C: Hi, I would like to book {treatment}, please. | Hello, may I come in for {treatment}?
A: Of course. Have you been with us before?
C: No, this is my first time. My name is {customer}. | Not yet. I am {customer}.
A: Welcome, {first}. We have {slot} with Doctor {doctor}. Would that suit you?
C: {slot} is perfect. | Yes, {slot} works well for me.
A: Great. What is the best number for a reminder?
C: It is {phone}.
A: Thank you. You are booked for {slot}. Is there anything else I can help with?
C: No, that is all. Thank you. | That is everything, thanks a lot.
A: Thank you for calling Harbour Clinic. Goodbye, {first}.
""",
    rows=(
        {"treatment": "a dental check up", "slot": "Tuesday at nine thirty", "doctor": "Abara"},
        {"treatment": "an eye examination", "slot": "Friday at two", "doctor": "Winslow"},
        {"treatment": "a teeth cleaning", "slot": "Monday at eleven", "doctor": "Novak"},
        {"treatment": "a contact lens fitting", "slot": "Thursday at four", "doctor": "Winslow"},
    ),
    facts=(
        ("Which doctor will see {customer}, and when?", "Doctor {doctor} | {slot}"),
        ("What did {customer} book?", "{treatment}"),
    ),
)

_RESCHEDULING = Scenario(
    name="rescheduling",
    disposition="rescheduled",
    script="""
A: Harbour Clinic, good afternoon, {agent} here. How may I help?
C: Hello, this is {customer}. I have an appointment on {old}, and I can not make it.
A: No problem at all. Let me look that up. What is the reason, if I may ask?
C: {reason}. I am sorry for the short notice.
A: Do not worry. I could offer you {new} instead.
C: Hmm, is there anything earlier in the day? | Could it be a little earlier?
A: I am afraid {new} is the only one left that week.
C: All right, then I will take {new}.
A: Perfect. I have moved you from {old} to {new}. You will get a text message.
C: Wonderful, thank you for your help.
A: You are welcome. Have a lovely day, goodbye.
""",
    rows=(
        {"old": "Wednesday", "new": "next Monday at five", "reason": "My daughter has a recital"},
        {"old": "Thursday", "new": "the twentieth at noon", "reason": "My car broke down"},
        {"old": "Friday", "new": "next Tuesday at three", "reason": "I have to travel for work"},
    ),
    facts=(
        ("Why did {customer} move the appointment?", "{reason}"),
        ("To when was the appointment of {customer} moved?", "{new}"),
    ),
)

_PRICE = Scenario(
    name="price_objection",
    disposition="follow_up",
    script="""
A: Good morning, Harbour Clinic, this is {agent}. How can I help?
C: Hi, {customer} here. You sent me a quote for {treatment}.
A: Yes, I see it. The total is {price}.
C: That is too expensive. I did not expect {price}. | Honestly, {price} is way over my budget.
A: I understand. The price includes {included} and two follow up visits.
C: Still, it is a lot of money at once.
A: We can split it into {months} monthly payments without interest. Would that help?
C: {months} payments, without interest? That sounds better.
A: Shall I send the plan to your e-mail?
C: Yes, please. It is {email}.
A: Thank you, {first}. I will send it today, and call you on Friday.
C: Okay, I will think about it. Bye.
A: Thank you for calling Harbour Clinic. Goodbye.
""",
    rows=(
        {
            "treatment": "a dental implant",
            "price": "$3,200",
            "included": "the crown",
            "months": "twelve",
        },
        {
            "treatment": "teeth whitening",
            "price": "$640",
            "included": "the home kit",
            "months": "four",
        },
        {
            "treatment": "laser eye surgery",
            "price": "$4,100",
            "included": "both eyes",
            "months": "eighteen",
        },
    ),
    facts=(
        ("Which price did {customer} find too high for {treatment}?", "{price}"),
        ("What payment plan was offered to {customer}?", "{months} monthly payments"),
    ),
)

_COMPLAINT = Scenario(
    name="complaint",
    disposition="complaint",
    script="""
A: Harbour Clinic, {agent} speaking, how can I help?
C: I want to make a complaint. My name is {customer}.
A: I am sorry to hear that, {first}. What happened?
C: {problem}. That is not acceptable.
A: I can see why you are disappointed.
C: {detail}, and nobody said a word to me.
A~: I am very sorry about that.
C: I have been a patient for six years. I expected better.
A: You are right. I will report this to our manager, {manager}, today.
C: And what will be done about it?
A: We will {remedy}. You will also get a written reply within three days.
C: Fine. I will wait for that letter.
A: Thank you for telling us, {first}. Goodbye.
""",
    rows=(
        {
            "problem": "I waited seventy minutes past my appointment",
            "detail": "The waiting room was freezing",
            "manager": "Helen Stark",
            "remedy": "refund the consultation fee",
        },
        {
            "problem": "My new glasses have the wrong lenses",
            "detail": "I had headaches for a week",
            "manager": "Tom Avery",
            "remedy": "make new lenses free of charge",
        },
        {
            "problem": "The filling you put in fell out after two days",
            "detail": "I had to take a day off",
            "manager": "Helen Stark",
            "remedy": "repair the tooth at no cost",
        },
    ),
    facts=(
        ("What did {customer} complain about?", "{problem}"),
        ("What remedy was promised to {customer}?", "{remedy}"),
    ),
)

_ANGRY = Scenario(
    name="angry_calmed",
    disposition="resolved",
    script="""
A: Thank you for calling Harbour Clinic, this is {agent}.
C!: This is ridiculous! {outrage}!
A: I am so sorry. May I have your name, so that I can fix it?
C!: {customer}! I have called three times already!
A: I am really sorry, {first}, let me look into your account right now.
C!~: Every time somebody says that, and nothing happens!
A: I understand why you are angry. I will stay on the line until it is solved.
C: Well, I hope so.
A(3): I found it. {cause}. That was our mistake.
C: So what happens now?
A: I have just corrected it. {solution}.
C: Oh. That was quick. Thank you, {agent}.
A: I apologise again. Is there anything else I can do?
C: No, I am glad somebody finally listened. | No. You have been very kind, actually.
A: Thank you for your patience, {first}. Goodbye.
""",
    rows=(
        {
            "outrage": "You charged me twice for one visit",
            "cause": "The card terminal sent the payment twice",
            "solution": "$180 will be back on your account tomorrow",
        },
        {
            "outrage": "You cancelled my surgery without telling me",
            "cause": "The message went to an old address",
            "solution": "Your surgery is now on the ninth of May",
        },
        {
            "outrage": "You sent my bill to a debt collector",
            "cause": "Your transfer was booked to another patient",
            "solution": "The collector has withdrawn the claim",
        },
    ),
    facts=(
        ("Why was {customer} angry?", "{outrage}"),
        ("What had gone wrong in the case of {customer}?", "{cause}"),
    ),
)

_INSURANCE = Scenario(
    name="insurance_question",
    disposition="information",
    script="""
A: Good afternoon, Harbour Clinic, {agent} speaking. How can I help you?
C: Hello. I have a question about insurance. Do you accept {insurer}?
A: Yes, we work with {insurer}. Which treatment is it for?
C: It is for {treatment}. | I need {treatment}.
A: {insurer} usually covers {share} percent of that.
C: And do I need a referral? | Do I have to pay first?
A: {answer}.
C: Good to know. Can you note that for me? I am {customer}.
A: Done, {first}. Please bring your member card to the visit.
C: I will do that. Thanks for explaining it so clearly.
A: My pleasure. Thank you for calling Harbour Clinic. Goodbye.
""",
    rows=(
        {
            "insurer": "Bluefern Health",
            "treatment": "a root canal",
            "share": "seventy",
            "answer": "No, we send the claim for you",
        },
        {
            "insurer": "Keystone Mutual",
            "treatment": "cataract surgery",
            "share": "ninety",
            "answer": "You need a letter from your family doctor",
        },
        {
            "insurer": "Orchard Care",
            "treatment": "braces for my son",
            "share": "fifty",
            "answer": "A treatment plan must be approved first",
        },
        {
            "insurer": "Pinewood Dental",
            "treatment": "a night guard",
            "share": "eighty",
            "answer": "You pay only the rest at the desk",
        },
    ),
    facts=(
        (
            "How much of the treatment of {customer} does {insurer} cover?",
            "{insurer} | {share} percent",
        ),
    ),
)

_PAYMENT = Scenario(
    name="card_payment",
    disposition="paid",
    script="""
A: Harbour Clinic, accounts desk, this is {agent}. How can I help?
C: Hi, I want to pay my bill over the phone. {customer} is the name.
A: Thank you, {first}. I see {amount} for {treatment}.
C: Yes, that is right.
A: Which card number should I use?
C: It is {card}.
A: And where shall I send the receipt?
C: To {email}, please.
A: And a phone number, in case the payment fails?
C: {phone}.
A: The payment of {amount} went through. Thank you, {first}. Goodbye.
C: Great, thanks. Bye.
""",
    rows=(
        {"amount": "$220", "treatment": "the crown repair"},
        {"amount": "$95", "treatment": "the eye test"},
        {"amount": "$410", "treatment": "the new glasses"},
    ),
    facts=(("How much did {customer} pay and for what?", "{amount} | {treatment}"),),
)

_WRONG_NUMBER = Scenario(
    name="wrong_number",
    disposition="wrong_number",
    script="""
A: Good morning, Harbour Clinic, {agent} speaking. How can I help you?
C: Hello? Is this {wanted}? | Hi, I am trying to reach {wanted}.
A: No, you have reached Harbour Clinic. We are a dental and eye clinic.
C: Oh. I must have the wrong number, then.
A: Which number did you dial?
C: I dialled {phone}. No, wait, that is my own number. Sorry.
A: No harm done. It happens every week. I believe {wanted} is listed in the city directory.
C: Thanks, I will look there. Sorry to bother you.
A: Not at all. Have a good day. Goodbye.
""",
    rows=({"wanted": "the Harbour Grill"}, {"wanted": "Castle Car Rental"}),
)

_CALLBACK = Scenario(
    name="callback_promise",
    disposition="callback",
    script="""
A: Harbour Clinic, {agent} speaking. How can I help?
C: This is {customer}. I am calling about {subject}.
A: Let me check. I am afraid {person} is with a patient right now.
C: It is rather important to me. When can I talk to {person}?
A: I will ask for a call back. Would {time} suit you?
C: Yes, but please do call. Last time I waited in vain.
A: I promise you will get a call {time}. Which number should we use?
C: {phone}, that is my mobile.
A: I have noted {phone}. {person} will call you {time}.
C: Very good. Thank you.
A: You are welcome, {first}. Goodbye.
""",
    rows=(
        {
            "subject": "the results of my retina scan",
            "person": "Doctor Winslow",
            "time": "today before six",
        },
        {
            "subject": "the pain after my extraction",
            "person": "Doctor Novak",
            "time": "within the hour",
        },
        {
            "subject": "my payment plan",
            "person": "Helen from accounts",
            "time": "tomorrow at ten",
        },
    ),
    facts=(
        ("Who promised to call {customer} back, and when?", "{person} | {time}"),
        ("What was {customer} calling about?", "{subject}"),
    ),
)

_HOLD = Scenario(
    name="hold_dead_air",
    disposition="information",
    script="""
A: Harbour Clinic, this is {agent}.
C: Hi, {customer} speaking. Can you tell me whether {question}?
A: I need to look that up. Please hold on for a moment.
C: Sure. | Okay, I can wait.
C({hold}): Hello? Are you still there?
A: Yes, sorry, the computer is slow today. One more moment, please.
A(6): Thank you for holding. I have it now. {answer}.
C: Okay. That took a while, but thank you.
A: I am sorry for the wait. Anything else?
C: No, that was my only question. Bye.
A: Thank you for calling. Goodbye, {first}.
""",
    rows=(
        {
            "question": "my contact lenses have arrived",
            "answer": "They came in this morning, in the Bay Street branch",
            "hold": "9",
        },
        {
            "question": "the X ray was sent to my surgeon",
            "answer": "It was sent on Monday to Doctor Feld",
            "hold": "12",
        },
        {
            "question": "my warranty covers a broken frame",
            "answer": "The warranty covers frames for two years",
            "hold": "7",
        },
    ),
    facts=(("What did {customer} learn after being on hold?", "{answer}"),),
)

_HAPPY = Scenario(
    name="happy_customer",
    disposition="information",
    script="""
A: Good morning, Harbour Clinic, {agent} speaking. What can I do for you?
C: Good morning! I just wanted to say thank you. I am {customer}.
A: How nice! What for, {first}?
C: {praise}. I am so happy with the result.
A: That is wonderful to hear. I will tell {person}.
C: Please do. The whole team was friendly and gentle, it was excellent.
A: You just made our day.
C: I have already recommended you to {friend}.
A: Thank you so much. Would you like to book your next visit while we are talking?
C: Yes, let us say in six months. | Sure, in spring, please.
A: I have noted it. Thank you for calling, {first}. Goodbye!
C: Bye, and thanks again!
""",
    rows=(
        {
            "praise": "I can read without glasses again",
            "person": "Doctor Winslow",
            "friend": "my whole choir",
        },
        {
            "praise": "My first root canal did not hurt at all",
            "person": "Doctor Abara",
            "friend": "two colleagues",
        },
    ),
    facts=(("What was {customer} grateful for?", "{praise}"),),
)

_CURT = Scenario(
    name="no_greeting_no_closing",
    disposition="information",
    script="""
A: Yes? | Hello?
C: Um, is this Harbour Clinic?
A: Yes.
C: Okay. I am {customer}. I want to know {question}.
A: {answer}.
C: And is that the same at every branch?
A: I do not know. You have to look at the web site.
C: I tried, and the page does not load. Could you check, please?
A~: I am busy at the moment. Call again later.
C: That is not very helpful, to be honest.
A: {answer}. That is all I can say.
C: All right. Good bye, then.
""",
    rows=(
        {"question": "when you are open on Saturdays", "answer": "Nine to one on Saturdays"},
        {"question": "where I can park", "answer": "Behind the building, four dollars an hour"},
    ),
    facts=(("What was {customer} told when asking {question}?", "{answer}"),),
)

_COMPETITOR = Scenario(
    name="competitor_mention",
    disposition="follow_up",
    script="""
A: Good afternoon, Harbour Clinic, {agent} speaking. How can I help?
C: Hello, I am {customer}. I am comparing prices for {treatment}.
A: Gladly. Have you been to another clinic?
C: Yes, {competitor} offered it for {price}. Can you match that?
A: What is included in their offer?
C: Only the treatment, I think. No checks after it.
A: With us it is {ours}, with four checks and a five year guarantee.
C: The guarantee is a good point. {competitor} gives only one year.
A: Would you like a free first consultation to compare?
C: Yes, why not. Call me on {phone} next week.
A: I will call you on Tuesday. Thank you, {first}. Goodbye.
C: Goodbye.
""",
    rows=(
        {
            "treatment": "invisible aligners",
            "competitor": "Brightside Dental",
            "price": "$2,400",
            "ours": "$2,750",
        },
    ),
    facts=(
        ("Which competitor did {customer} mention and at what price?", "{competitor} | {price}"),
    ),
)

SCENARIOS = (
    _BOOKING,
    _RESCHEDULING,
    _PRICE,
    _COMPLAINT,
    _ANGRY,
    _INSURANCE,
    _PAYMENT,
    _WRONG_NUMBER,
    _CALLBACK,
    _HOLD,
    _HAPPY,
    _CURT,
    _COMPETITOR,
)
