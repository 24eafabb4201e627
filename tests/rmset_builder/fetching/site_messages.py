"""What yt-dlp 2026.10.26 says when a video cannot be had, and the reason that each message must get.

By reason: the messages, each after the extractor or part of yt-dlp that has it in its source. Those of "YouTube" are
what YouTube's player is told (`playabilityStatus`), which yt-dlp passes on word for word.
"""

from __future__ import annotations

_HINT = (
    "Use --cookies-from-browser or --cookies for the authentication. See  https://github.com/yt-dlp/yt-dlp/wiki/FAQ"
    "#how-do-i-pass-cookies-to-yt-dlp  for how to manually pass cookies"
)

MESSAGES: dict[str, list[tuple[str, str]]] = {
    "blocked-here": [
        ("YouTube", "Video unavailable. The uploader has not made this video available in your country"),
        ("YouTube", "Video unavailable. This video contains content from UMG, who has blocked it in your country on "
                    "copyright grounds"),
        ("YouTube", "Video unavailable. This video contains content from SME and 2 other owners, one or more of whom "
                    "have blocked it in your country on copyright grounds"),
        ("YouTube", "This video is not available"),
        ("YouTube", "Video unavailable. This video is not available."),
        ("YouTube", "This video is not available in your country"),
        ("YouTube", "This video isn\u2019t available in your region"),
        ("YouTube", "This content is not available on this country domain due to a legal complaint. It is blocked in "
                    "your country"),
        ("ard", "This video is not available due to geoblocking"),
        ("bilibili", "This video may be deleted or geo-restricted. You might want to try a VPN or a proxy server"),
        ("common", "This video is not available from your location due to geo restriction"),
        ("common", "Access to this webpage has been blocked by decision of the Russian government. Visit "
                   "http://blocklist.rkn.gov.ru/ for a block reason."),
        ("kuwo", "This song is blocked in this region"),
        ("mixcloud", "Track unavailable in your country due to licensing restrictions"),
        ("polsatgo", "This video is either unavailable in your region or is DRM protected"),
        ("tiktok", "Your IP address is blocked from accessing this post"),
        ("tvplay", "This content might not be available in your country due to copyright reasons"),
        ("vevo", "Vevo said: This page is currently unavailable in your region"),
        ("vimeo", "Vimeo said: This video is not available in your region"),
        ("dailymotion", "dailymotion said: This content is not available from your location"),
        ("youku", "Youku said: Sorry, this video is available in China only"),
    ],
    "removed": [
        ("YouTube", "Video unavailable"),
        ("YouTube", "Video unavailable. This video has been removed by the uploader"),
        ("YouTube", "This video has been removed for violating YouTube's policy on harassment and bullying"),
        ("YouTube", "Video unavailable. This video is no longer available because the YouTube account associated with "
                    "this video has been terminated."),
        ("YouTube", "Video unavailable. This video is no longer available due to a copyright claim by Sony"),
        ("YouTube", "Video unavailable. This video contains content from WMG, who has blocked it on copyright grounds"),
        ("YouTube", "This video isn't available anymore"),
        ("YouTube", "This video does not exist."),
        ("afreecatv", "The VOD does not exist"),
        ("bitchute", "Video is unavailable. Please make sure this video is playable in the browser before reporting "
                     "this issue."),
        ("facebook", 'The video is not available, Facebook said: "This content isn\'t available right now"'),
        ("kuwo", "this song has been offline because of copyright issues"),
        ("likee", "Video was deleted"),
        ("spankbang", "Video 2y3td is not available"),
        ("twitch", "Video 877342117 does not exist"),
        ("twitch", "This clip is no longer available"),
        ("twitter", "Broadcast no longer exists"),
        ("vimeo", "This event video is unavailable"),
        ("yapfiles", "Video vMDE4NzI1N has been removed"),
    ],
    "private": [
        ("YouTube", "Private video. Sign in if you've been granted access to this video. " + _HINT),
        ("YouTube", "This video is private"),
        ("YouTube", "Video unavailable. This video is private. If the owner of this video has granted you access, "
                    "please sign in."),
        ("afreecatv", "This VOD is private"),
        ("iwara", "Private video. Login if you have permissions to watch. " + _HINT),
        ("reddit", "Private subreddit; an account that has been approved is required. " + _HINT),
        ("tiktok", "This user's account is private. Log into an account that has access. " + _HINT),
        ("tiktok", "You do not have permission to view this post. Log into an account that has access. " + _HINT),
        ("twitter", "You are not authorized to view this protected tweet. " + _HINT),
        ("vimeo", "Vimeo said: Because of its privacy settings, this video cannot be played here."),
        ("youku", "Youku said: Sorry, this video is private"),
    ],
    "age-restricted": [
        ("YouTube", "Sign in to confirm your age. This video may be inappropriate for some users. " + _HINT),
        ("YouTube", "This video is age-restricted and only available on YouTube"),
        ("afreecatv", "Only users older than 19 are able to watch this video. " + _HINT),
        ("niconico", "Login is required to access age-restricted content. " + _HINT),
        ("tiktok", "This post may not be comfortable for some audiences. Log in for access. " + _HINT),
        ("twitter", "NSFW tweet requires authentication. " + _HINT),
    ],
    "members-only": [
        ("YouTube", "Join this channel to get access to members-only content like this video."),
        ("YouTube", "This video is available to this channel's members on level: Fan (or any higher level). Join this "
                    "channel to get access to members-only content and other exclusive perks."),
        ("YouTube", "This video requires payment to watch."),
        ("YouTube", "This video is only available to Music Premium members"),
        ("adobepass", "This video is only available for users of participating TV providers. Use --ap-mso to specify"),
        ("afreecatv", "This VOD is for subscribers only. " + _HINT),
        ("beacon", "This video/podcast is for members only. " + _HINT),
        ("bilibili", "This is a supporter-only video: 12"),
        ("bilibili", "You need to purchase the course to download this episode. " + _HINT),
        ("boosty", "This post requires a subscription. " + _HINT),
        ("instagram", "This content is only available for registered users who follow this account. " + _HINT),
        ("patreon", "You do not have access to this post"),
        ("rokfin", "This video is only available to premium users. " + _HINT),
        ("tvp", "Video requires payment and log-in, but log-in is not implemented"),
        ("udemy", "Course 7 is not free. You have to pay for it before you can download. Use this URL to confirm "
                  "purchase: https://www.udemy.com/payment/checkout"),
        ("weverse", "Your account does not have access to this content"),
    ],
    "rate-limited": [
        ("YouTube", "Video unavailable. This content isn\u2019t available, try again later. The current session has "
                    "been rate-limited by YouTube for up to an hour."),
        ("YouTube", "This content isn't available, try again later"),
        ("bilibili", "Request is blocked by server (412), please wait and try later."),
        ("bilibili", "You have exceeded the rate limit. Try again later"),
        ("instagram", "The webpage request was redirected to the login page. You have exceeded the rate-limit for "
                      "accessing posts anonymously. " + _HINT),
        ("twitter", "Error(s) while querying API: Rate limit exceeded"),
    ],
    "sign-in": [
        ("YouTube", "Sign in to confirm you\u2019re not a bot. " + _HINT),
        ("YouTube", "Please sign in. " + _HINT),
        ("YouTube", "Our systems have detected unusual traffic from your computer network"),
        ("youtube", "Video unavailable. YouTube is requiring a captcha challenge before playback"),
        ("youtube", "All player responses are invalid. Your IP is likely being blocked by Youtube"),
        ("peekvids", "You are suspected as a bot. Wait, or pass the captcha on the site and provide cookies."),
        ("reddit", "Your IP address is unable to access the Reddit API"),
        ("yandexmusic", "YandexMusic has considered yt-dlp requests automated and asks you to solve a CAPTCHA."),
    ],
    "needs-account": [
        ("common", "This video is only available for registered users. " + _HINT),
        ("bilibili", "You need to login to access your watchlater list. " + _HINT),
        ("eroprofile", "This video requires login. " + _HINT),
        ("instagram", "You need to log in to access this content. " + _HINT),
        ("packtpub", "This video is locked. " + _HINT),
        ("reddit", "Account authentication is required. " + _HINT),
        ("tenplay", "Login required to access this video. " + _HINT),
        ("tiktok", "Fresh cookies (not necessarily logged in) are needed"),
        ("zattoo", "An account is needed to access this media. " + _HINT),
    ],
    "password": [
        ("dropbox", "Password protected video, use --video-password <password>"),
        ("vimeo", "This video is protected by a password, use the --video-password option"),
        ("wistia", "This content is password-protected. Use the --video-password option"),
    ],
    "drm": [
        ("common", "This video is DRM protected"),
        ("unsupported", "The requested site is known to use DRM protection. It will NOT be supported."),
    ],
    "live": [
        ("YouTube", "This live event will begin in 3 days."),
        ("YouTube", "Premieres in 14 hours"),
        ("YouTube", "This live stream recording is not available."),
        ("adn", "This video is not available yet. Release date: 2026-12-24"),
        ("bilibili", "Streamer is not live"),
        ("goodgame", "User is offline"),
        ("mixlr", "This event will start at 2026-12-24 20:00"),
        ("twitter", "This live broadcast has not yet started"),
    ],
    "extractor": [
        ("YouTube", "Video unavailable. Playback on other websites has been disabled by the video owner"),
        ("YouTube", "Video unavailable. The following content is not available on this app."),
        ("YouTube", "This video contains content from UMG, who has blocked it from display on this website"),
        ("YouTube", "This video is being processed"),
        ("bluesky", "No video could be found in this post"),
        ("pornhub", "Redirection detected; the video may be deleted or require login"),
        ("streamable", "This video is currently unavailable. It may still be uploading or processing."),
        ("tiktok", "Video not available, status code 10222"),
        ("youtube", "Failed to extract any player response"),
        ("zan", "Unexpected error"),
        ("exceptions", 'Unable to handle request: Unsupported proxy type: "a" (requests), Unsupported url scheme: "b"'),
    ],
    "unsupported": [
        ("generic", "sign in is not a valid URL. Set --default-search"),
        ("unsupported", "This website is no longer supported since it has been determined to be"),
        ("YoutubeDL", "No suitable extractor found for URL private video"),
    ],
    "no-format": [("YoutubeDL", "Requested format is not available. Use --list-formats for a list")],
    "unsafe-extension": [("YoutubeDL", "The extracted extension ('sh') is unusual and will be skipped")],
    "server-error": [
        ("damtomo", "There is an error on server-side. Try again later."),
        ("niconico", "Service temporarily unavailable"),
    ],
    "cut-short": [
        ("http", "Did not get any data blocks"),
        ("fragment", "fragment 3 not found, unable to continue"),
        ("YoutubeDL", "content too short (expected 900 bytes and served 100)"),
    ],
}  # fmt: skip

# Where such words are only named: in addresses, hosts, files, quotations, and names of people and firms.
ONLY_NAMED: list[tuple[str, str]] = [
    ("unsupported", "Unsupported URL: https://videos.example/blog-in/page.html"),
    ("unsupported", "Unsupported URL: https://videos.example/design-in"),
    ("unsupported", "Unsupported URL: https://videos.example/purchase?q=private+video"),
    ("unsupported", "Unsupported URL: https://sign-in.example/members-only/429/not-a-bot/captcha"),
    ("unsupported", "Unsupported URL: https://geo-restricted.example/removed-by-the-user"),
    ("unsupported", "Unsupported URL: //login.example/age-restricted/timed-out"),
    ("extractor", "Unable to extract title at https://videos.example/this-video-is-private"),
    ("extractor", "Unable to extract title; please report this issue on  https://github.com/yt-dlp/yt-dlp/issues?q= , "
                  "filling out the appropriate issue template. Confirm you are on the latest version using  yt-dlp -U"),
    ("extractor", 'Cannot parse data of "Private video. Sign in to confirm you\'re not a bot"'),
    ("extractor", "Cannot parse data of 'This video has been removed'"),
    ("extractor", "Failed to download /sign-in/please-sign-in.json of login.example"),
    ("extractor", "Unable to open captcha.example/members-only.m3u8"),
    ("extractor", "Unable to extract the bot's video 429 from the members' page of copyright notices"),
    ("network", "Unable to download webpage: HTTPSConnectionPool(host='sign-in.example', port=443): Max retries "
                "exceeded with url: /captcha/429 (Caused by NameResolutionError('Failed to resolve sign-in.example'))"),
    ("blocked-here", "This video contains content from Private Video, Inc. Members-only content, who has blocked it in "
                     "your country on copyright grounds"),
    ("removed", "This video is no longer available due to a copyright claim by Please Sign In Ltd."),
    ("removed", 'The video "Sign in to confirm you\u2019re not a bot" has been removed'),
    ("removed", "The video \u201cNot available in your country\u201d has been deleted"),
    ("private", "The clip `This is age-restricted content` is private"),
]  # fmt: skip
