"""From one source a lab to the student's notebook and the solution notebook: `sslcourse build`."""
