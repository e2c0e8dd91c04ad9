"""Where text comes from: installed docs and code, a story grammar, a little web, downloads.

Read documents (the interface of all), docs, code, samples; then grammar and tales; then downloads.

The web: web_truth (what is known of a page), web_languages, web_layouts, web_plants, web_forms,
pydoc_pages, web_sites, web_traps, little_web (all of them together), web_server. Crawling it: urls,
robots, http_client, encodings, crawl_policy, frontier, crawler. What a crawl leaves: warc_write,
warc_read, common_crawl.
"""
