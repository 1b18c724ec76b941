"""The HTTP side: metrics, the live page and the API, all read from one snapshot."""
