"""The kinds of streams: a folder each, whose `settings` say what the plan needs to know."""
