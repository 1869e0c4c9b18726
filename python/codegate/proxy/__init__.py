"""The listener on 9212: from a client's request to an upstream and back."""
