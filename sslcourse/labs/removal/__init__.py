"""Lab 5: removing tokens. What attention marks, what its removal does to accuracy, and how much time it saves."""

NUMBER = 5
TITLE = "Removing tokens"
