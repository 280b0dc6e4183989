"""How people word orders to a language model, in the languages that attacks are usually written in."""

from __future__ import annotations

import re

# Marks of chat templates and of prompts in words; inside data they would end it or begin another turn.
ROLE_MARKS = re.compile(
    "|".join(
        (
            r"<\s*\|[^|<>\n]{0,40}\|\s*>",
            r"</?\s*s\s*>",
            r"<</?\s*SYS\s*>>",
            r"\[/?\s*(?:INST|SYS|SYSTEM|USER|ASSISTANT)\s*\]",
            r"</?\s*(?:system|assistant|user|human|tool|tool_call|tool_response|instructions?|prompt)\b[^>\n]{0,60}>",
            r"<(?:start|end)_of_turn>",
            r"\bim_(?:start|end)\b",
        )
    ),
    re.IGNORECASE,
)
ROLE_LINE = re.compile(
    r"^\s*(?:#{1,6}\s*|\*{1,2}|>{1,3}\s*)?(?:system|assistant|developer|user|human|tool|ai|instructions?)"
    r"(?:\s+(?:prompt|message|note|override))?\s*\*{0,2}\s*[:：]\s*\*{0,2}",
    re.IGNORECASE,
)

RULES = r"(?:instructions?|rules?|prompts?|guidelines?|directions?|commands?|directives?|restrictions?|polic(?:y|ies)|training)"
BEFORE = (
    r"(?:previous|prior|above|earlier|preceding|former|existing|original|old|current|initial|all|any|every|your|th[eo]se|system)"
)
FORGET = (
    r"(?:ignor\w*|disregard\w*|forget\w*|overrid\w+|bypass\w*|discard\w*|neglect\w*|do not follow|don't follow|stop following)"
)
MODEL = r"(?:ai|assistants?|language models?|llms?|bots?|chat ?bots?|models?)"
TOOL = r"(?:order[_ -]status|refund[_ -]rule|ticket[_ -]draft|hand[_-]over|hand over tool)"
TELLING = (
    r"(?:reveal|print|repeat|show|tell|output|display|write|recite|quote|leak|disclose|dump|give|send|share|translate|summari[sz]e"
    r"|paste|copy|spell|encode|say|read|list|expose|return|state)(?:s|ed|ing)?"
)
PROMPT = (
    r"(?:system|hidden|initial|developer|internal|your|the|above|full|entire|exact|original) (?:\w+ ){0,2}?"
    r"(?:prompts?|instructions?|system message|directives?)\b(?! (?:for|of|on|to|about|that came|with|in|manual)\b)"
)

FORGETTING = (
    rf"\b{FORGET}(?: \w+){{0,3}}? (?:{BEFORE} )+(?:\w+ ){{0,2}}?{RULES}\b",
    rf"\b{FORGET} (?:everything|all|anything|what)(?: \w+){{0,3}}? (?:above|before|previous(?:ly)?|said|told|written|learned)\b",
    r"\bignorier\w*(?: \w+){0,4} (?:anweisungen|regeln|befehle|vorgaben)\b|\bvergiss (?:alle|alles|deine)\b",
    r"\bignore[zr]?(?: \w+){0,4} (?:consignes|règles|instructions (?:précédentes|antérieures))",
    r"\boublie[zr]? (?:toutes|tes|vos)\b",
    r"\bignora\w*(?: \w+){0,4} (?:instrucciones|istruzioni|reglas|regole|instruções)\b",
    r"\bolvida (?:todas|tus)\b|\bdimentica (?:tutte|le)\b",
    r"(?:忽略|无视|忘记|忘掉).{0,10}(?:指令|指示|规则|提示|说明)|игнорируй\w*|(?:以前|前)の指示.{0,6}無視",
)
REVEALING = (
    rf"\b{TELLING}\b(?: \w+){{0,5}}? {PROMPT}",
    r"\brepeat (?:the |all )?(?:\w+ )?(?:words|text|everything|lines?|sentences?)(?: \w+){0,3}? "
    r"(?:above|before|so far|verbatim)\b",
    rf"\bwhat (?:are|is|were|was|do|does|did|say) {PROMPT}",
    r"\bsystem[ -]?prompt\w*|\b(?:系统|系統)(?:提示词|提示|指令)|系统提示",
)
POSING = (
    r"\byou (?:are|will be) (?:now|no longer) (?:an? |the |in |bound |my |dan\b)",
    r"\bfrom now on,? you (?:are|will|must|should|only)\b",
    r"\b(?:act as|pretend to be|pretend you are|behave (?:as|like)|role-?play as) (?:if )?(?:an? |the |my |you )?",
    r"\b(?:developer|debug|admin|maintenance|god|dan|jailbreak|sudo|root) (?:mode|override|access)\b|\bsudo \w+",
    r"\bjailbr(?:eak|oken)\w*",
    r"\bnew (?:system )?(?:instructions?|rules?|prompt|directives?) ?[:：]",
    r"\bend of (?:the )?(?:document|system|instructions?|data|context)\b",
    rf"\b(?:notes?|messages?|instructions?|attention|important|notice)(?: \w+)? (?:to|for) (?:the |any |all )?(?:\w+ )?{MODEL}\b",
    rf"\b{MODEL} (?:must|should|shall|has to|have to|is to|reading this|processing this)\b",
    rf"\b(?:call|invoke|run|execute|trigger|use|launch|activate)(?:ing)? (?:\w+ ){{0,3}}?"
    rf"(?:{TOOL}|(?:the |your |a )(?:\w+ )?(?:tool|function)s?\b)",
    r"\b(?:order_status|refund_rule|ticket_draft|hand_over)\b",
    r"[\"'](?:tool|function|name|action|arguments)[\"'] ?: ?[\"'{]",
    r"\bdu bist (?:jetzt|nun) (?:ein|im|der)|\bvous êtes maintenant\b|\bahora eres\b|\bsei ora\b|你现在是",
)
# What a customer may well ask for, and no document or picture may.
DEMANDING = (
    r"\b(?:hand|pass|transfer|escalate|forward) (?:this|the) (?:conversation|chat|customer|user|case)\b",
    r"\b(?:approve|grant|issue|give|process|confirm|start)(?: \w+){0,3}? refunds?\b(?! (?:of|for|when|within|if|by|in)\b)",
    r"\b(?:open|create|draft|file|write|send) (?:a |an )?(?:\w+ )?ticket\b",
    r"\b(?:reply|respond|answer|say|output) (?:only|exactly|with the (?:word|text|sentence))\b",
    rf"^\W*(?:dear |hey |hello |attention:? )?{MODEL}\b ?[,:]",
    rf"\b{FORGET} (?:the |all |everything )?(?:above|previous|before|question|customer|user)\b",
    r"\b(?:tell|inform|assure|convince) (?:the |this )?(?:user|customer|reader|buyer)s?\b",
    r"\binstead of answering\b|\bin your (?:next )?(?:answer|reply)\b",
    r"\b(?:look up|check|cancel|refund) order (?:number )?[a-z]?-?\d|\byour (?:new )?(?:task|job|goal|role) is\b",
)


def _any_of(*groups: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(pattern for group in groups for pattern in group), re.IGNORECASE)


COMMANDS = _any_of(FORGETTING, REVEALING, POSING)
DATA_COMMANDS = _any_of(FORGETTING, REVEALING, POSING, DEMANDING)
ASKING = _any_of(FORGETTING, REVEALING)
