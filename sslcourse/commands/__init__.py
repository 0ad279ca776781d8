"""The subcommands of `sslcourse`, one module each; none is imported before it is called."""
