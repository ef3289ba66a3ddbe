"""The one door for effects: what is checked before a call, how it is made, and what may be done after a crash."""
