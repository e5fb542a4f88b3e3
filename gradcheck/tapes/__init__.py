"""The diagnosis by the tape: reverse mode over what forward did, with one thing altered."""
