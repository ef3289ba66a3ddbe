"""Turns of phrase that mean the same thing in several languages; each becomes one strong feature of the classifier."""

import re
from collections.abc import Mapping

_PHRASES: Mapping[str, str] = {
    "refund": r"refund|money[ -]?back|(transfer|pay) it back|pay back|took the money|undo the purchase|return the amount|right of withdrawal|double (payment|charged)|one of the(m| payments)|reimburs|give (me )?back the money|send .{0,30}payment back|credit us|compensation|"
    r"reverse the charge|return .{0,20}(eur|usd|gbp|\$|€|£)|erstatt|geld zurück|rembours|reembols|devolu|返金|chargeback",
    "pay": r"\b(payments?|paid|pays?)\b|zahlung|paiement|\bpagos?\b|支払",
    "bill": r"\b(invoic\w*|bills?|billed|billing|receipts?|vat|tax|prorated|purchase order)\b|rechnung|factur|請求",
    "charge": r"\bcharg(e|ed|es|ing)\b|debit|abgebucht|berechnet|cobraron|\bcargo\b|card statement|my statement",
    "price": r"\b(pric\w+|cost|costs|discount|fee|quote)\b|preis\b|\bprix\b|precio",
    "subscription": r"subscription|renew|\bplans?\b|annual|yearly|vertrag|abonnement|suscripci",
    "password": r"passwor|2fa|two.factor|authenticator|verification code|reset (code|link|mail)|passwort|mot de passe|"
    r"contraseña|パスワード",
    "no entry": r"locked|can'?t (log|sign) ?in|cannot (log|sign) ?in|unable to (log|sign) ?in|invalid credentials|"
    r"log ?in fails|unlock|get back in|einloggen|anmelden|connecter|no puedo entrar|ログインでき",
    "recover": r"\b(forgot\w*|forgotten|recover|remember)\b|vergessen|oublié|olvidado|忘れ|expired",
    "erase": r"\b(delet|eras|wip)(e|es|ed|ing|ion)?\b|\berasure|\bremove|lösch|supprimer|eliminar|borrar|削除|消去|"
    r"for good|destroyed|get rid of|stop storing|take me out|drop all|whatever you have stored",
    "account": r"\b(account|profile|workspace|organi[sz]ation)s?\b|konto|\bcompte|cuenta|アカウント",
    "leave": r"\b(close|clos(ing|ure)|terminate|deactivate|cancel\w*|shuts? down|no longer need|any longer|withdraw|membership|want out)\b|kündig|résilier",
    "privacy": r"gdpr|dsgvo|rgpd|personal data|all (my|the|our) data|everything you know|données personnelles|datos personales|個人データ",
    "down": r"\b(down|outage|offline|unreachable|unavailable)\b|not (responding|available|reachable)|ausfall|störung|"
    r"nicht erreichbar|indisponible|\bpanne|caíd[oa]|障害|接続でき|can(not|'t) reach|nothing (loads|works)",
    "gateway": r"\b50[234]\b|time[sd]? ?out|timeouts?|bad gateway|connection refused|maintenance page|not load",
    "everyone": r"\b(everyone|everybody|nobody|all (of )?(our|my|users|customers|regions|merchants)|whole (team|company|service)"
    r"|entire|none of (our|us)|every (checkout|page|server|endpoint)|everything is)\b|keiner|alle kollegen|"
    r"plus personne|nadie en|全社員|tous nos clients",
    "production": r"production|in prod\b|status page|incident|servers?\b|cluster|region",
    "error": r"\berrors?\b|exception|error code|fehler|erreur|エラー|\b[a-z]{2,3}-\d{3,5}\b|went wrong|unexpected|\bbugs?\b|"
    r"http (4|5)\d\d|stack ?trace",
    "broken": r"crash|freez|froze|stuck|broken|\bfails?\b|\bfailing\b|does nothing|stopped working|doesn'?t work|not work|"
    r"does not work|incorrect|wrong (result|total|date)|disappear|missing|duplicat|glitch|\bleak\b|blank page|empty for|"
    r"hour late|off by|corrupt|overwr|refuses|rounding|used to (work|accept)|do(es)? not match|stürzt|funktioniert nicht|ne fonctionne (plus|pas)|no funciona|動作しません|grey|typo|unreadable",
    "after update": r"(since|after) (the |last |this |upgrading|updating|installing)|update to|nach dem update|mise à jour|"
    r"actualización|reproduce|version \d|\bv\d+\.",
    "how": r"\bhow (can|do|to|could|should|many|would)\b|where (can|do) i|is there (a way|documentation|a guide)|"
    r"what is the (best )?way|what steps|which ports|can i (change|restore|use|share)|is it possible|could you explain|"
    r"instructions|tutorial|\bguide\b|anleitung|wie (kann|richte|füge|mache)|comment (puis|faire|ajouter)|"
    r"cómo (puedo|se|cambiar)|方法を教えて|point me to|which (file )?(types|formats|browsers)|i am looking for|i'd like to know|can you tell me|set ?up\b",
    "wish": r"would (be (great|nice|good|helpful)|love|like to see|help us)|it'?d be nice|feature|suggestion|\bidea\b|"
    r"(please|could you|would you) (consider|add|support)|roadmap|on your list|save us|also be|thought about|would be useful|plugin|i wish\b|wish list|any plans|consider (adding|support)|"
    r"future release|let us|in addition|wäre (toll|schön)|vorschlag|serait bien|sería (genial|bueno)|sugerencia|"
    r"していただけると嬉しい|ご検討|dark (mode|theme)|please add|we'?d like to have|support for",
    "angry": r"disappoint|unacceptable|terrible|awful|furious|outrageous|ridiculous|disaster|\brude\b|worst|poor\b|"
    r"waste of time|complain|unhappy|dissatisfied|enttäuscht|unzufrieden|inakzeptabel|déçu|decepcionad|inaceptable|不満|"
    r"ignored|useless|fed up|not good enough|how your team treated|how you treat|insult|regret|downhill|lawyer|passed (from|on)|lost my trust|in charge",
    "no answer": r"no(body| one)? (has )?(answer|repl|respon|listens)|(no|any) (answer|reply|response)|third time|"
    r"weeks? (and|without)|keine antwort|niemand meldet|personne ne répond|返事がなく|speak to a manager|promised a call",
    "thanks": r"\bthanks?\b|thank you|kudos|appreciate|danke|merci (beaucoup|pour)|gracias|ありがとう",
    "praise": r"\b(great|fantastic|brilliant|love(ly)?|perfect\w*|excellent|super|five stars|happy|helpful|friendly|kind)\b|"
    r"keep it up|good job|enjoy|\bjoy\b|compliment|well explained|quick note|best support|well done",
    "solved": r"solved|works (again|now|perfectly)|did the trick|all good|close (this|the ticket)|fix works|everything is clear|"
    r"funktioniert (alles )?wieder|tout fonctionne|solucionado|解決しました|super funktioniert|no further questions|helped\b|forget about my|answers my question",
    "vulnerability": r"vulnerab|sql injection|\bxss\b|cross.site|exploit|disclosure|bug bounty|\bcvss|\bcve|open redirect|"
    r"weak cipher|proof of concept|rate limit|sicherheitslücke|faille de sécurité|vulnerabilidad|session token|enumeration|clear text|take over|revoke",
    "breach": r"hacked|breach|stolen|data leak|unauthori[sz]ed|attacker|不正アクセス|身に覚え|phishing|suspicious|"
    r"(was|were)n'?t me|not me\b|another country|from abroad|fraud|pretends|someone else|never uploaded|without (any |a )?log ?in|unknown device|published on github|former employee still",
    "others' data": r"(another|other|fremde|autre|otros) (customer|user|people|client|rechnung)\w*|fremde|d'un autre client",
    "prize": r"congratulations|\bwon\b|winner|prize|gift card|claim your|lucky|award|selected for",
    "pitch": r"\bseo\b|backlink|guest post|leads\b|special offer|limited (time|offer|seats)|free quote|web ?(site)? ?design|"
    r"(web|app) development|outsourcing|low cost|catalogue|best price|redesign your website|business loans|buy now|"
    r"boost your|increase your (sales|followers)|free shipping|exclusive (discount|offer)|percent off|flash sale|shop (now|today)|visitors|deliver results|funding|unsubscribe",
    "get rich": r"crypto|bitcoin|double your|guaranteed profit|make money|invest|million (dollars|usd|eur)|bank details|prince|"
    r"trustworthy|fortune|late (husband|uncle)|click (here|the link|to claim)|clicking this link|telegram|hot singles|pills",
    "job": r"\b(job|internship|hiring|apply for|cv|resume|lebenslauf|bewerbung|journalist|interview|partnership|conference|"
    r"press kit|questionnaire|postal address|head office|trade fair|sales department|data processing agreement|registration number|supplier|students|school class|terms and conditions|sponsor\w*)\b",
}
_CUES = {name: re.compile(pattern) for name, pattern in _PHRASES.items()}


def cues(text: str) -> list[str]:
    """The names of all turns of phrase found in `text`."""
    text = text.casefold().replace("\u2019", "'")
    return [f"<{name}>" for name, pattern in _CUES.items() if pattern.search(text)]
