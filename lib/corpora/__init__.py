"""Where text comes from: installed documentation and code, a story grammar, downloads on request.

Read documents (the interface of all), docs, code, samples; then grammar and tales; then downloads.
"""
