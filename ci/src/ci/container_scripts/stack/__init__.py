"""The program that brings a compose project up in the sandbox, and writes down what it saw."""
