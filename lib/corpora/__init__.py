"""Where text comes from: installed documentation and code, a story grammar, downloads on request."""
