"""Calls of Northlight Homes, which sells renovations."""

from demo_audio.dialogue import Scenario

_BANT_FULL = Scenario(
    name="bant_full",
    disposition="sold",
    direction="outbound",
    script="""
A: Hello, this is {agent} from Northlight Homes. Am I speaking with {customer}?
C: Yes, that is me.
A: You asked us about {project}. What made you think of it?
C: We really need {project}, because {need}.
A: That makes sense. Do you have a budget in mind?
C: Our budget is {budget}, and the money is already set aside.
A: Good. And who else is involved in the decision?
C: {authority}.
A: Perfect. When would you like the work to be finished?
C: We want it finished by {deadline}, that is our deadline.
A: We can do that. Shall I reserve the crew and send the contract?
C: Yes, let us go ahead. Send it to {email}.
A: Excellent. You will have it today. Thank you, {first}, and goodbye.
C: Thank you. Goodbye.
""",
    rows=(
        {
            "project": "a new kitchen",
            "need": "the old one has water damage",
            "budget": "$28,000",
            "authority": "I am the owner, and I make the decision myself",
            "deadline": "the end of September",
        },
        {
            "project": "a bathroom for wheelchairs",
            "need": "my mother is moving in with us",
            "budget": "$19,500",
            "authority": "My wife and I decide together, and she has agreed",
            "deadline": "the first of June",
        },
        {
            "project": "new windows",
            "need": "the bedrooms are cold and damp",
            "budget": "$14,000",
            "authority": "I own the house alone, so I decide",
            "deadline": "the middle of October",
        },
        {
            "project": "a roof replacement",
            "need": "it leaks whenever it rains",
            "budget": "$36,000",
            "authority": "I sign for it, it is my decision",
            "deadline": "the end of August",
        },
        {
            "project": "a home office in the attic",
            "need": "I work from home from now on",
            "budget": "$22,000",
            "authority": "It is my decision, and my husband is on board",
            "deadline": "Christmas",
        },
    ),
    facts=(
        ("What budget does {customer} have for {project}?", "{budget}"),
        ("By when does {customer} want the work finished?", "{deadline}"),
        ("Why does {customer} need {project}?", "{need}"),
    ),
)

_BANT_HALF = Scenario(
    name="bant_half",
    disposition="follow_up",
    direction="outbound",
    script="""
A: Good evening, {agent} from Northlight Homes. Is this a good time, {first}?
C: Yes, for a few minutes. This is {customer}.
A: Thank you. You looked at {project} on our web site.
C: Right. We need it, because {need}.
A: I see. Have you set a budget yet?
C: Not really. It depends on the offer. | We have not talked about money yet.
A: And would you decide that on your own?
C: I would have to ask {other} first.
A: Of course. Is there a date by which it should be ready?
C: {vague}. There is no rush.
A: Then I suggest a free visit to measure everything, together with {other}.
C: All right. {visit} would work.
A: Wonderful, I have put you down for {visit}. Thank you, {first}. Goodbye.
""",
    rows=(
        {
            "project": "a sun room",
            "need": "the terrace is too windy",
            "other": "my husband",
            "vague": "Maybe next year",
            "visit": "Saturday at ten",
        },
        {
            "project": "a garage conversion",
            "need": "our son wants his own flat",
            "other": "my brother",
            "vague": "Some time after the summer",
            "visit": "Tuesday at six",
        },
        {
            "project": "floor heating",
            "need": "the tiles are ice cold in winter",
            "other": "the landlord",
            "vague": "I can not say yet",
            "visit": "Thursday at five",
        },
        {
            "project": "a second bathroom",
            "need": "there are five of us in the house",
            "other": "my partner",
            "vague": "Perhaps in spring",
            "visit": "Monday at four",
        },
    ),
    facts=(
        ("Whom must {customer} ask before deciding on {project}?", "{other}"),
        ("When is the visit to {customer}?", "{visit}"),
    ),
)

_PRICE = Scenario(
    name="price_objection",
    disposition="follow_up",
    direction="outbound",
    script="""
A: Good morning, {agent} from Northlight Homes. Do you have our offer for {project} in front of you?
C: Yes. {customer} speaking. To be frank, it is too expensive.
A: Thank you for being open. Which part worries you?
C: {price} is much more than we planned. We can not afford that.
A: I understand. Most of it is {driver}. We could {saving}.
C: How much would that save?
A: About {amount}. The quality of the work stays the same.
C: Hmm. That would help, but I still need to think.
A: Of course. We also offer a payment in three parts.
C: Three parts is fair. Send me a new offer, please.
A: You will have it tomorrow. May I call on Thursday?
C: Thursday is fine. Goodbye.
A: Thank you, {first}. Goodbye.
""",
    rows=(
        {
            "project": "the kitchen",
            "price": "$31,000",
            "driver": "the stone counter",
            "saving": "take oak instead of stone",
            "amount": "$4,500",
        },
        {
            "project": "the roof",
            "price": "$42,000",
            "driver": "the slate",
            "saving": "use clay tiles",
            "amount": "$9,000",
        },
        {
            "project": "the windows",
            "price": "$17,800",
            "driver": "the triple glass",
            "saving": "keep double glass on the south side",
            "amount": "$2,600",
        },
    ),
    facts=(
        ("Which price for {project} was too much for {customer}?", "{price}"),
        ("How could {customer} save money on {project}?", "{saving} | {amount}"),
    ),
)

_COMPETITOR = Scenario(
    name="competitor_mention",
    disposition="follow_up",
    script="""
A: Northlight Homes, good afternoon. {agent} speaking. How can I help?
C: Hi, this is {customer}. I have your quote, but {competitor} is cheaper.
A: Thank you for telling me. May I ask what {competitor} offers?
C: {theirs}, and they could start in two weeks.
A~: And do they include the permit?
C: The permit? No, I do not think so.
A: We include the permit, the waste removal, and {ours}.
C: That is true, {competitor} wants extra money for waste.
A: Shall I put the two offers side by side for you?
C: Please do. My e-mail is {email}.
A: I will send the comparison tonight. Can we talk again on {day}?
C: {day} in the evening is fine.
A: Thank you, {first}. Have a good day. Goodbye.
""",
    rows=(
        {
            "competitor": "Redbrick Builders",
            "theirs": "They want $24,000 for the same kitchen",
            "ours": "a ten year guarantee",
            "day": "Wednesday",
        },
        {
            "competitor": "Summit Renovations",
            "theirs": "They would do the bath for $11,900",
            "ours": "a fixed price",
            "day": "Friday",
        },
        {
            "competitor": "Homecraft Brothers",
            "theirs": "They ask $15,200 for all the windows",
            "ours": "the painting of the frames",
            "day": "Monday",
        },
    ),
    facts=(
        ("Which competitor did {customer} find cheaper?", "{competitor} is cheaper"),
        ("What does the competitor offer {customer}?", "{theirs}"),
    ),
)

_CALLBACK = Scenario(
    name="callback_promise",
    disposition="callback",
    direction="outbound",
    script="""
A: Hello, this is {agent} from Northlight Homes. Is this {customer}?
C: Yes, but I am {busy} right now.
A: I will be brief. It is about {subject}.
C: It sounds interesting, but can you call me later?
A: Certainly. When would be a good time?
C: {time} would be best, on {phone}.
A: I will call you back {time}. Is there anything I should prepare?
C: Yes, {homework}, please.
A: I will have that ready. Thank you, {first}. Goodbye.
C: Bye.
""",
    rows=(
        {
            "busy": "driving",
            "subject": "the date for your new stairs",
            "time": "tonight at seven",
            "homework": "find out whether oak is in stock",
        },
        {
            "busy": "in a meeting",
            "subject": "the colour of your front door",
            "time": "on Sunday after lunch",
            "homework": "bring the price of the dark green one",
        },
    ),
    facts=(
        ("When should {customer} be called back?", "{time}"),
        ("What should be prepared for {customer}?", "{homework}"),
    ),
)

_INTERRUPTED = Scenario(
    name="interruptions",
    disposition="not_interested",
    direction="outbound",
    script="""
A: Hello, this is {agent} from Northlight Homes, and I have a wonderful offer for you today.
C~: Wait, who are you? I am {customer}, and I did not ask for a call.
A~: It takes only one minute, and our {product} is thirty percent off this week.
C~: I already have {product}. I told your colleague in spring.
A~: But ours comes with a smart control that saves a lot of energy.
C!~: Please let me finish! I am not interested.
A~: Many customers say that at first, and then they change their mind.
C!: Stop talking over me. Take me off your list.
A: I am sorry. I will remove {phone} from our list.
C: Thank you. And please do not call again.
A: Understood, {first}. Goodbye.
""",
    rows=({"product": "solar heating"}, {"product": "an alarm system"}),
    facts=(("Why did {customer} not want {product}?", "already have {product}"),),
)

_WRONG_NUMBER = Scenario(
    name="wrong_number",
    disposition="wrong_number",
    direction="outbound",
    script="""
A: Good morning, {agent} from Northlight Homes. Am I speaking with Mister Dalton?
C: No, there is no Dalton here.
A: Is this not {phone}?
C: That is my number, but I have had it for only a month.
A: Then it must have belonged to somebody else before.
C: Probably. You are the third one to ask.
A: I will correct our records, so that nobody calls you again.
C: That would be kind.
A: Sorry to have disturbed you. Have a nice day. Goodbye.
C: Bye.
""",
    rows=({},),
)

_ANGRY = Scenario(
    name="angry_calmed",
    disposition="complaint",
    script="""
A: Northlight Homes, {agent} speaking. How may I help you?
C!: I have had enough! {outrage}!
A: I am very sorry. Who am I speaking with?
C!: {customer}! And I want to speak with your boss!
A~: I will get you a solution first, and then the boss, if you still want.
C!: I paid {paid} in advance for this mess!
A: I understand. You trusted us, and we let you down.
C: Yes. Exactly. That is how it feels.
A(4): I have just reached the crew. {solution}.
C: Is that certain?
A: You have my word. And we will take {discount} off the bill.
C: Well. That is decent. Thank you for sorting it out.
A: Thank you for giving us the chance, {first}. Goodbye.
""",
    rows=(
        {
            "outrage": "Your crew did not show up for the second time",
            "paid": "$6,000",
            "solution": "They will be with you tomorrow at seven",
            "discount": "$500",
        },
        {
            "outrage": "There is a hole in my ceiling, and nobody answers",
            "paid": "$9,500",
            "solution": "A plasterer comes this afternoon",
            "discount": "$800",
        },
    ),
    facts=(
        ("What made {customer} so angry?", "{outrage}"),
        ("How was the problem of {customer} solved?", "{solution} | {discount}"),
    ),
)

_HAPPY = Scenario(
    name="happy_customer",
    disposition="sold",
    script="""
A: Good morning, Northlight Homes, this is {agent}.
C: Hi, {customer} here. The new {room} is fantastic!
A: I am delighted to hear that, {first}.
C: The crew was polite, fast and clean. I love it.
A: I will pass that on to them.
C: I would like to order {extra} as well, and pay the deposit now.
A: Gladly. The deposit is {deposit}. Which card shall I use?
C: {card}.
A: Thank you. It is paid. The receipt goes to your e-mail.
C: Yes, {email}. Perfect.
A: Thank you so much, {first}. Enjoy the {room}. Goodbye.
""",
    rows=({"room": "veranda", "extra": "the garden fence", "deposit": "$750"},),
    facts=(("What did {customer} order on top, and for which deposit?", "{extra} | {deposit}"),),
)

_NO_CLOSING = Scenario(
    name="no_closing",
    disposition="information",
    script="""
A: Northlight, hello?
C: Hello, my name is {customer}. I have a question about {subject}.
A: Go on.
C: {question}?
A(6): Let me see. {answer}.
C: Is that in writing somewhere?
A: It is in the contract, on page four.
C: I do not have a copy. Could you send one to {email}?
A: Okay.
C: When will I get it?
A: Soon. I have another call now.
""",
    rows=(
        {
            "subject": "the guarantee on my floor",
            "question": "Does it still hold if I put a piano on it",
            "answer": "It holds up to three hundred kilos",
        },
    ),
    facts=(("What does the guarantee of {customer} allow?", "{answer}"),),
)

SCENARIOS = (
    _BANT_FULL,
    _BANT_HALF,
    _PRICE,
    _COMPETITOR,
    _CALLBACK,
    _INTERRUPTED,
    _WRONG_NUMBER,
    _ANGRY,
    _HAPPY,
    _NO_CLOSING,
)
