"""What is found in calls: objections, topics, moments."""
