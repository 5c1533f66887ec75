"""The local API that the command line and the operator's screen use."""
