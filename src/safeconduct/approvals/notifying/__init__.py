"""Telling people that they are asked: by mail, in a chat, or through a program of theirs."""
