"""From yt-dlp's message to a reason: the message without addresses, quotations and names, and what it means.

yt-dlp tells by its types and by HTTP statuses what it can (`faults.py`); what the sites themselves say, it passes on
as text. `tests/rmset_builder/fetching/site_messages.py` holds such messages and the reason that each must get.
"""

from __future__ import annotations

import functools
import re

RATE_LIMITED = "rate-limited"
SIGN_IN = "sign-in"
NEEDS_ACCOUNT = "needs-account"
BLOCKED_HERE = "blocked-here"
BLOCKED_BY_LAW = "blocked-by-law"

_HIDDEN = "…"
_PREFIX = re.compile(r"^(?:ERROR: )?(?:\[[^\]]{1,60}\] (?:[^\s:]{1,100}: )?)?")
_ADDED = re.compile(r" ?\(caused by .*|;? ?please report this issue on .*", re.DOTALL)
# Addresses, whether whole, without a scheme, or only the path; names of hosts and of files.
_ADDRESS = re.compile(
    r"""\b[A-Za-z][A-Za-z0-9+.-]*://\S+
      | (?<![\w/])/[^\s/]\S*
      | \b[\w.-]+\.\w+/\S*
      | \S+/\S+/\S*
      | \b[\w-]+(?:\.[a-z0-9-]+)*\.[a-z][a-z0-9]{1,9}\b(?![(])""",
    re.VERBOSE,
)
# What a site itself is quoted with stays; its marks are taken off.
_SAID = re.compile(r"""\b(said|says|say):? "(.*?)\"""")
_QUOTED = re.compile(r"""\"[^"]*"|`[^`]*`|(?<!\w)'[^']*'(?!\w)|«[^»]*»""")
_MARKS = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u201e": '"'})
_OWNER = re.compile(
    r"(content from ).{1,300}?(?=, (?:who|one|some) )|((?:copyright )?claims? by ).{1,300}", re.IGNORECASE
)
_STATUS_TEXT = re.compile(r"(HTTP Error \d{3})\b.*", re.DOTALL)

# Where somebody begins to speak: at the beginning, after a colon, with a new sentence or line.
_START = r"(?:^|(?<=[.:;!?] )|(?<=\n))(?:(?:we're |we are )?sorry, (?:but )?)?"
_YOURS = r"\byour (?:current |geographic )?(?:country|region|location|area|territory)\b"
_THING = (
    r"(?:video|vod|clip|content|post|tweet|episode|movie|media|stream|program(?:me)?|item|channel|user|account|page)"
)

# The order matters: of the phrases that a message has, the first one here counts.
_PHRASES: list[tuple[str, list[str]]] = [
    ("age-restricted", [
        r"\bconfirm your age\b", r"\bage.restricted (?:video|content)\b", r"\b(?:is|may be) age.restricted\b",
        r"\binappropriate for some users\b", _START + r"adult verification is required",
        _START + r"only users older than \d+", r"\bfor age verified users\b", _START + r"nsfw \w+ requires auth",
        r"\bnot be comfortable for some audiences\b", _START + r"sensitive content setting must be enabled",
    ]),
    ("private", [
        _START + r"private (?:video|subreddit|account)\b", _START + r"[\w'… ]{1,30} is (?:set to )?private\b",
        _START + r"this user's account is likely either private\b", _START + r"this is a private \w+",
        r"\bbecause of its privacy settings\b", _START + r"you do not have permission to view\b",
        _START + r"you are not authori[sz]ed to view\b",
    ]),
    ("members-only", [
        _START + r"join this channel\b", r"\bmembers.only (?:content|video)", r"\b(?:supporter|subscriber)s?.only\b",
        r"\b(?:only|available)(?: available)? (?:for|to) (?:[\w']+ ){0,3}(?:members|subscribers|supporters|premium)\b",
        r"\bis for (?:\w+ )?(?:members|subscribers) only\b", r"\bstreaming for subscribers only\b",
        r"\brequires (?:payment|a (?:\w+ )?subscription|cda premium)\b", r"\bsubscription needed\b",
        r"\b(?:only available with|coin|ticket|need to) purchase\b", _START + r"this video is paid\b",
        r"\bhave to pay for it\b", r"\bregistered users (?:with the appropriate subscription|who follow)\b",
        r"\bparticipating tv providers\b", r"\bcable service provider subscription\b", r"\bonly for vip accounts\b",
        _START + r"(?:your|this|the) account (?:does not have (?:access|tickets)|is not subscribed)\b",
        _START + r"you do not have access to\b", _START + r"you must be logged into an account that has\b",
    ]),
    (RATE_LIMITED, [
        r"\brate.limited\b", r"\bexceeded (?:the|your) rate.limit\b", r"\brate limit (?:exceeded|reached)\b",
        _START + r"too many requests\b", _START + r"this content isn't available, try again later\b",
        _START + r"request is (?:blocked|rejected) by server\b",
    ]),
    (SIGN_IN, [
        r"\bnot a (?:ro)?bot\b", r"\bsuspected as a bot\b", r"\bunusual traffic\b", r"\bcaptcha\b",
        r"\bconsidered yt-dlp requests automated\b", r"\bgot client challenge\b", _START + r"please sign in\b(?! to)",
        r"\byour ip(?: address)? is (?:likely being blocked|unable to access)\b", r"\bfrom an unusual location\b",
    ]),
    ("extractor", [
        r"\bplayback on other websites has been disabled\b", r"\bnot available on this app\b",
        r"\bblocked it from display on this website\b",
    ]),
    (BLOCKED_HERE, [
        r"\b(?:un)?available\b[^.]{0,60}" + _YOURS,
        r"\b(?:blocked|restricted|licen[sc]ed|accessible|playable|permitted|allowed|shown)\b[^.]{0,60}" + _YOURS,
        r"\b(?:blocked|restricted|unavailable|not available) in (?:this|some|certain) (?:countr|region|territor)",
        r"\bgeo(?:graph\w+|location)?[ -]?(?:restrict|block|lock|fenc)\w*", r"\bavailable in [\w ]{2,30} only\b",
        r"\byour ip(?: address)? (?:is|has been|was) (?:blocked|banned)\b",
        _START + r"access to this (?:webpage|page|site) has been blocked\b",
        # YouTube's word where it has the video, and not for this place.
        _START + r"(?:this|the) (?:video|content)(?: is not|'s not| isn't) available\.?$",
    ]),
    ("drm", [r"\bdrm.protect", r"\bdrm protection\b"]),
    ("password", [r"\bprotected by a pass(?:word|code)\b", r"\bpassword.protected\b"]),
    ("live", [
        _START + r"th(?:is|e) live ?(?:stream|event|broadcast)?\b",
        r"\bpremieres? (?:in|will)\b", r"\bwill begin (?:in|at)\b", r"\bis (?:currently )?offline\b",
        r"\bnot (?:currently )?live\b",
        _START + r"(?:live event|livestream|live|event) (?:has|is|will|was)\b", r"\bnot (?:yet started|started yet)\b",
        r"\bscheduled (?:for|to start)\b", r"\b(?:event will start at|will be available after)\b",
        r"\bnot (?:yet available|available yet)\b", r"\bmodel is in (?:a )?private show\b",
    ]),
    ("removed", [
        r"\b" + _THING + r"\b[^.;]{0,60}\b(?:has been|was|were) (?:removed|deleted|taken down)\b",
        r"\bremoved by the (?:uploader|user|author|owner)\b", r"\bno longer (?:available|exists)\b",
        r"\bdo(?:es not|esn't) exist\b", r"\baccount\b[^.;]{0,60}\bterminated\b",
        _START + r"video (?:\S+ )?(?:is )?(?:unavailable|not available\.?$)", r"\bvideo is unavailable\b",
        r"\b(?:isn't|not) available any ?more\b", r"\bcopyright (?:claim|grounds|infringement|issues)",
        _START + r"the video is not available, ",
    ]),
    (NEEDS_ACCOUNT, [
        r"\bregistered users\b", r"\b(?:need to|must be|must|have to be|please) (?:log|sign)(?:ged|ed)?[ -]?in\b",
        r"\blog-?in (?:is |details are )?(?:required|needed)\b", r"\brequires (?:log-?in|authentication|an account)\b",
        r"\baccount (?:authentication )?is (?:required|needed)\b", r"\bmay need login\b",
        r"\bonly works when logged.in\b", _START + r"(?:sign|log) ?in (?:to|if)\b",
        r"\bcookies (?:\([^)]*\) )?are (?:needed|required)\b",
        r"\b(?:use|pass) --(?:cookies|username)\b", r"\bsent an empty media response\b", r"\bnot logged in\b",
    ]),
]  # fmt: skip
# What yt-dlp itself says of its own work, where no type of exception says it better.
_TECHNICAL: list[tuple[str, list[str]]] = [
    ("unsupported", [
        _START + r"unsupported (?:url|search)\b(?! scheme)", _START + r"no suitable extractor\b",
        r"\bis not a valid url\b", _START + r"this website is (?:not|no longer) supported\b", _START + r"invalid url\b",
    ]),
    ("unsafe-extension", [r"\bextracted extension \(.*?\) is unusual\b"]),
    ("no-format", [_START + r"requested format is not available\b", _START + r"no video formats found\b"]),
    ("server-error", [r"\bhttp error 5\d\d\b", r"\berror on server-side\b", r"\bservice temporarily unavailable\b"]),
    ("cut-short", [
        r"\bfragment \d+ not found\b", r"\bdid not get any data\b", r"\bmore expected\b", r"\bcontent too short\b",
        r"\d bytes read\b", r"\bdownloaded file is empty\b",
    ]),
    ("javascript", [r"\bjavascript runtime\b", r"\bnsig\b", r"\bplayer response\b", r"\bsolve js challenge\b"]),
    ("timeout", [r"\btimed? ?out\b"]),
    ("network", [
        r"\bgetaddrinfo\b", r"\bname ?resolution", r"\bconnection (?:refused|reset|aborted|broken|closed|error)\b",
        r"\bnetwork is unreachable\b", r"\bremote end closed\b", r"\bnetwork error has occurred\b",
        r"\bno route to host\b", r"\bnodename nor servname\b",
    ]),
]  # fmt: skip


def _compiled(table: list[tuple[str, list[str]]]) -> list[tuple[str, re.Pattern[str]]]:
    return [(reason, re.compile("|".join(f"(?:{one})" for one in phrases), re.IGNORECASE)) for reason, phrases in table]


# Slow to compile, and wanted only where something has failed.
_site = functools.cache(lambda: _compiled(_PHRASES))
_yt_dlp = functools.cache(lambda: _compiled(_TECHNICAL))


def site_words(message: str) -> str:
    """A message of yt-dlp's without what is only named in it: addresses, hosts, files, quotations, owners of rights.

    Example:
        >>> site_words("ERROR: [generic] x: Unsupported URL: https://videos.example/design-in/page.html")
        'Unsupported URL: …'
        >>> site_words('[site] 7: The video "Private video" has been removed')
        'The video … has been removed'
    """
    text = _ADDED.sub("", _PREFIX.sub("", message)).translate(_MARKS)
    text = _STATUS_TEXT.sub(r"\1", _SAID.sub(r"\1: \2", text))
    text = _ADDRESS.sub(_HIDDEN, _QUOTED.sub(_HIDDEN, text))
    return _OWNER.sub(lambda match: (match[1] or match[2]) + _HIDDEN, text).strip()


def said_by_site(words: str) -> str:
    """The reason that a site's words (`site_words`) mean; empty where they are not known."""
    return next((reason for reason, phrases in _site() if phrases.search(words)), "")


def said_by_yt_dlp(words: str) -> str:
    """The reason that yt-dlp's own words mean; empty where they are not known."""
    return next((reason for reason, phrases in _yt_dlp() if phrases.search(words)), "")
