"""The support desk: real mail in, tickets and answers out."""
