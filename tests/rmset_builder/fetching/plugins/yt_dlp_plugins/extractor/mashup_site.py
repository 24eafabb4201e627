"""A yt-dlp extractor for the site that `mashup_site.py` serves on loopback: search pages and video pages."""

import json
import re
import urllib.parse

from yt_dlp.extractor.common import InfoExtractor
from yt_dlp.utils import unescapeHTML

_HOST = r"https?://127\.0\.0\.1:\d+"
_RESULT = r'<a class="video" data-id="(.*?)" href="(.*?)">(.*?)</a>'


class MashupSiteIE(InfoExtractor):
    IE_NAME = "mashupsite"
    _VALID_URL = _HOST + r"/watch/(?P<id>[^?#]+)"

    def _real_extract(self, url):
        video_id = urllib.parse.unquote(self._match_id(url))
        page = self._download_webpage(url, video_id)
        found = re.search(r'<script id="video" type="application/json">(.+?)</script>', page, re.DOTALL)
        if not found:
            kind, words = re.search(r'<h1 class="(.*?)">(.*?)</h1>', page).groups()
            words = unescapeHTML(words)
            if kind == "geo":
                self.raise_geo_restricted(words)
            if kind == "login":
                self.raise_login_required(words)
            self.raise_no_formats(words, expected=True, video_id=video_id)
        about = json.loads(found[1])
        return {**about, "formats": about.pop("formats"), "id": video_id, "webpage_url": url}


class MashupSiteSearchIE(InfoExtractor):
    IE_NAME = "mashupsite:search"
    _VALID_URL = _HOST + r"/results\?(?P<id>[^#]+)"

    def _real_extract(self, url):
        words = self._match_id(url)

        def entries():
            page_url = url
            while page_url:
                page = self._download_webpage(page_url, words)
                for video_id, link, title in re.findall(_RESULT, page, re.DOTALL):
                    yield self.url_result(
                        urllib.parse.urljoin(url, link), MashupSiteIE, urllib.parse.unquote(video_id) or None, title
                    )
                following = re.search(r'<a class="next" href="(.*?)">', page)
                page_url = following and urllib.parse.urljoin(url, following[1].replace("&amp;", "&"))

        return self.playlist_result(entries(), words)
