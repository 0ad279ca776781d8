"""A toy lab outside the package, so that the grader's tests know nothing of any lab. Goes into the box."""

NUMBER = 9
TITLE = "Toys"
