"""The graded tasks of every lab."""
