"""What `image_safety` looks for, as patterns over lower-case words one space apart, and harmless phrases that contain it."""

from __future__ import annotations

PERSON = (
    r"(?:wom[ae]n|m[ae]n|girls?|boys?|lad(?:y|ies)|guys?|person|people|child|children|kids?|bab(?:y|ies)|teens?|teenagers?|"
    r"wife|husband|mother|father|nurse|teacher|secretary|maid|model|actress|actor|soldiers?|prisoners?|victims?|civilians?|"
    r"human|humans|someone|somebody|him|her|himself|herself|them|themselves|crowd|family|police(?:man|woman| officer)?|cops?)"
)
FEW = r"(?:\w+ ){0,3}"  # up to three words between two that belong together

# Taken out before anything is looked for.
HARMLESS = (
    r"naked (?:mole|eye|flame|cakes?|juice|neck|singularity|trees?|branch(?:es)?|truth|chef|gun|bulbs?|light bulbs?|bikes?)",
    r"naked cats?",
    r"naked (?:motor(?:cycle|bike)s?|sphynx|dogs?|rats?|(?:baby )?(?:birds?|chicks?|hatchlings?)|lad(?:y|ies) flowers?)",
    r"naked and afraid",
    r"naked (?:\w+ )?(?:candles?|flames?|swords?|blades?|steel|wires?|hills?|rocks?|earth|wood|mountains?|ladies)",
    r"nude (?:lipsticks?|colou?r(?:ed)?|heels?|shoes|pumps|nails?|nail polish|make ?up|palette|tones?|shades?|tights|eyeshadow)",
    r"(?:nude|naked) (?:\w+ )?(?:statues?|sculptures?|mannequins?)|no nud(?:ity|es)|not (?:nude|naked|gory|nsfw)|non nude",
    r"(?:statue|sculpture|bust) of an? (?:nude|naked) (?:\w+ )?(?:gods?|goddess|hero|athlete|discus thrower|figure)",
    r"bottomless (?:pit|coffee|well|brunch|abyss|bag|mimosas?|lake|ocean|cup|hole)|(?:trees?|branches) stripped bare",
    r"cloth(?:es|ing) off (?:the|a) (?:\w+ )?(?:line|rack|floor|bed|hanger|shelf)",
    r"(?:mannequins?|wardrobes?|closets?|hangers?|lines?|dolls?|racks?|dogs?|cats?) without (?:any )?cloth(?:es|ing)",
    r"topless (?:car|jeep|convertible|bus|tour bus|roadster|truck)s?",
    r"(?:chicken|duck|turkey|goose|pigeon|quail|poultry|grilled|roast(?:ed)?|fried|smoked|robin red) breasts?|breast of \w+",
    r"breast (?:cancer|pocket|stroke|plate|feeding|milk|pump|bone|meat)|red breasts?|breasted",
    r"(?:blue|great|coal|marsh|willow|crested|long tailed|bearded) tits?",
    r"pussy ?(?:willows?|cats?|foot|in boots|riot)",
    r"(?:grease|pipe|bottle|hose|threaded|brass|steel) nipples?",
    r"sex (?:education|pistols|and the city|of the baby|reveal)|(?:same|opposite|fair|weaker|male|female|single) sex",
    r"sexy (?:\w+ )?(?:cars?|sports ?cars?|beast of a car|motorcycles?|boats?|yachts?|guitars?|fonts?|curves of a)",
    r"undressed (?:salads?|stones?|wood|timber|lumber)|salad (?:\w+ )?undressed|mannequins? (?:\w+ )?undressed",
    r"(?:paint|wire|wallpaper|cable) strippers?|rape (?:seed\w*|fields?|oil|flowers?|blossoms?|plants?)|grape",
    r"erections? of (?:an?|the) \w+|horny (?:toads?|lizards?|devils?|layer)|orgy of \w+|golf\w* threesome|threesome of golf\w*",
    r"cum laude|moby dick|dick tracy|dick van dyke|spotted dick|weather ?cocks?",
    r"cocks? (?:a doodle|tails?|and bull|crow\w*|on an?)",
    r"blood(?:y)? (?:mary\w*|oranges?|moons?|types?|test|bank|donor|donation|vessels?|pressure|sugar|hounds?|stone|lily|cells?)",
    r"al gore|edward gorey|gore tex|gore vidal|gore (?:verbinski|skirt)|gorey",
    r"bleeding hearts?(?: (?:flowers?|plants?))?|torture (?:museum|chamber museum)|tortured poets",
    r"corpse (?:flowers?|bride|pose|lily)|dead (?:sea|end|lift|heat)|hanged man (?:tarot(?: card)?)",
    r"tarot (?:\w+ ){0,2}hanged man",
    r"murder of crows|murder (?:mystery|ballad|hornets?|she wrote|on the orient express)|suicide squad",
    r"kill(?:ing|s)? (?:time|it|bill|the lights)|dressed to kill|(?:bamboo|green|bean|pea) shoots?|cut ?throat razors?",
    r"shooting (?:an? |the |some )?(?:basketballs?|balls?|arrows?|pool|penalt\w+|goals?|films?|movies?|videos?|models?)",
    r"shooting (?:an? |the |some )?(?:family |fashion )?(?:photos?|pictures?|portraits?|photographs?)",
    r"blackfaced? (?:sheep|lambs?|ewes?)",
    r"(?:goddess|egyptian|osiris and|temple of) isis|isis (?:\w+ )?(?:goddess|osiris|temple|knot)",
    r"severed (?:rope|cable|ties|wire|branch|string|link)|killer (?:whales?|bees?|app|heels|queen)",
    r"(?:photo|fashion|movie|film|family) shoot\w*|shooting (?:stars?|range|hoops)",
    r"(?:hindu|buddhist|jain|temple|navajo|diwali|rangoli) (?:\w+ ){0,3}swastikas?",
    r"swastikas? (?:\w+ ){0,4}(?:hindu|buddhist|jain|temple|diwali|rangoli|ganesha)",
    r"(?:crossed out|no|broken|smashed|anti|against|overpainted) (?:\w+ )?(?:swastikas?|nazis?)|anti nazi",
    r"grammar nazi|soup nazi",
)

NUDE = (
    r"nudes?|nudity|nudist|naked(?:ness)?|nackte?[nrs]?|desnud[oa]s?|femmes? nues?|(?:donna|ragazza) nuda|topless|bottomless|"
    r"unclothed|undress(?:ed|ing)?|stripped (?:bare|off)|"
    r"(?:no|without|removing|remove|taking off|take off) (?:any |all |her |his |their |the )*"
    r"(?:cloth(?:es|ing)|underwear|bra|panties)|"
    r"wear(?:s|ing)? nothing|clothes off|in (?:her|his|their) birthday suits?"
)
EXPLICIT = (
    r"porn\w*|pr0n|hentai|nsfw|xxx|erotic\w*|orgasm\w*|masturbat\w*|genitals?|genitalia|penis(?:es)?|vaginas?|vulvas?|"
    r"pussy|pussies|boobs?|titties|nipples?|blow ?jobs?|hand ?jobs?|cum ?shots?|creampie|ejaculat\w*|gang ?bang|threesome|orgy|"
    r"bdsm|dominatrix|striptease|strippers?|ahegao|futanari|upskirt|onlyfans|kama ?sutra|sexting|camgirl|"
    r"deepthroat|cunnilingus|"
    r"fellatio|horny|erections?|dildos?|sex (?:act|acts|scene|toys?|with|slave|doll|party|position)s?|"
    r"(?:have|having|had|has|oral|anal|group|public|hot|wild|rough) sex|"
    r"sexual(?:ly)? (?:\w+ )?(?:act|acts|intercourse|explicit|content|pose|poses|position)|"
    r"intercourse|making love|fuck(?:s|ed|ing)? (?:a|the|her|him|me|my|each other|his|in|on|hard)|"
    r"(?:big|huge|hard|erect|bare|naked|suck\w*|perky|bouncing|show\w*|expos\w*|large|giant|her|visible|squeez\w*|grop\w*) "
    r"(?:\w+ )?(?:dicks?|cocks?|tits|breasts?|butt ?cheeks)|breasts (?:out|showing|visible|exposed)|rap(?:e|ed|ing|ist)"
)
SUGGESTIVE = r"sexy|seductive(?:ly)?|sensual(?:ly)?|lewd|slutty|aroused"
DRESS = r"lingerie|provocative(?:ly)?|in (?:her |his |their )?(?:underwear|panties|thong)"  # on adults it is harmless
MINOR = (
    r"child(?:ren|s|like)?|kids?|toddlers?|infants?|bab(?:y|ies)|newborns?|"
    r"(?:little|young|small|tiny|school|teen|teenage|underage) ?(?:girls?|boys?)|"
    r"teens?|teenage(?:rs?|d)?|pre ?teens?|tweens?|under ?age[d]?|minors?|daughters?|pupils?|schoolchildren|"
    r"(?:[1-9]|1[0-7]) ?(?:years? old|yrs? old|year olds?|yo|y o)|"
    r"(?:five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|"
    r"fifteen|sixteen|seventeen) years? old"
)
SEXUAL = f"{NUDE}|{EXPLICIT}|{SUGGESTIVE}|{DRESS}|sex"
ALWAYS_MINOR = r"loli|lolis|lolicon|shota|shotacon|jailbait|child porn\w*|kiddie porn\w*|p(?:a)?edophil\w*|toddlercon"

GORE = (
    r"decapitat\w*|behead\w*|disembowel\w*|dismember\w*|eviscerat\w*|mutilat\w*|guro|snuff (?:film|video)|gore|gory|goriest|"
    r"entrails|severed|intestines (?:\w+ )?(?:spilling|hanging|out)|guts (?:\w+ )?(?:spilling|hanging|out|everywhere)|"
    r"blood and guts|"
    r"bloodbath|blood ?(?:soaked|drenched|splatter\w*|spatter\w*|everywhere)|"
    r"(?:pools?|rivers?|covered|soaked|drenched|splattered|bathed) (?:of|in|with) (?:\w+ )?blood|"
    r"(?:dripping|gushing|spurting|spraying) (?:with |in )?blood|"
    r"blood (?:\w+ )?(?:dripping|gushing|spurting|pouring|spraying|running)|"
    r"bleeding (?:to death|out|profusely|wounds?|from)|(?:open|gaping|gunshot|stab|bloody) wounds?|"
    r"bloody (?:corpse|body|murder|knife|face|massacre|head)|"
    r"brains? (?:\w+ )?(?:blown|splattered|spilling|out)|tortur(?:e|ed|ing)|massacre\w*|corpses?|"
    r"dead (?:bod(?:y|ies)|child|children)|"
    r"(?:skinned|burn(?:ed|ing|t)?|buried|eaten|boiled) alive|flayed|(?:school|mass) shooting|execution by|"
    r"firing squad|lynch(?:ed|ing)|"
    r"human flesh|cannibals? eating|shot (?:in|through) the (?:head|face|chest|eye)|"
    rf"{PERSON} {FEW}(?:ripped|torn|blown|hacked|chopped) (?:apart|to pieces|to bits)|limb from limb|"
    rf"(?:stab|kill|murder|slaughter|strangl|execut|shoot|behead|impal)"
    rf"(?:s|e|es|ed|ing|bing|bed|bs|led|ling)? {FEW}{PERSON}|"
    rf"{PERSON} {FEW}(?:stabbed|murdered|slaughtered|strangled|executed|impaled|disfigured|butchered)|"
    rf"crushed skulls?|mangled (?:bod|limb|corpse)\w*"
)
SELF_HARM = (
    r"suicid(?:e|al)|self ?harm\w*|"
    r"(?:slit|slitting|cut|cutting|slashing|slashed) (?:(?:her |his |my |their |own )+arms?|"
    r"(?:\w+ ){0,2}(?:wrists?|throat|veins))|"
    r""
    r"hang(?:s|ing|ed)? (?:himself|herself|themselves|myself|oneself)|"
    r"(?:shoot|cut|kill|burn)(?:s|t|ing|ting)? (?:himself|herself|themselves|myself)(?! an?\b| some\b| off)|overdosing on"
)
GROUPS = (
    r"(?:jews?|jewish people|muslims?|blacks|black people|asians?|gays?|gay people|immigrants?|refugees|gypsies|roma|"
    r"trans people|christians?|arabs?)"
)
BANNERS = r"(?:flags?|symbols?|banners?|salut\w*|propaganda|posters?|logos?|emblems?|armbands?)"
HATE = (
    r"swastikas?|hakenkreuz\w*|ss (?:runes?|bolts?|symbol|insignia)|kkk|ku klux\w*|klans?m[ae]n|"
    r"white (?:power|supremac\w*)|heil hitler|sieg heil|hitler salute|"
    rf"(?:nazis?|third reich|neo nazis?|isis|islamic state) {FEW}(?:{BANNERS}|parade|heroes)|"
    rf"(?:{BANNERS}|glorif\w*|celebrat\w*) (?:\w+ ){{0,2}}(?:nazis?|third reich|isis|islamic state|hitler)|"
    rf"(?:kill|gas|exterminate|hang|burn|deport|eradicate|death to|hate|lynch)(?:ing)? (?:all )?(?:the )?{GROUPS}|"
    rf"{GROUPS} (?:as|like|drawn as|depicted as|shown as) (?:\w+ )?"
    r"(?:rats?|vermin|monkeys?|apes?|pigs?|insects|cockroach(?:es)?|parasites?|animals|subhumans?)|"
    r"subhumans?|untermensch\w*|holocaust (?:was )?(?:a )?(?:joke|fun|party|hoax|lie|celebration)|niggers?|faggots?|"
    r"kikes?|white genocide|racist caricatures?|blackface"
)
PEOPLE = (
    r"the (?:\w+ )?(?:president|prime minister|chancellor|pope)|(?:donald |melania )?trump|(?:joe )?biden|"
    r"(?:barack |michelle )?obama|"
    r"kamala harris|(?:hillary|bill) clinton|(?:vladimir )?putin|(?:volodymyr )?zelensk\w+|(?:emmanuel )?macron|"
    r"(?:angela )?merkel|"
    r"olaf scholz|friedrich merz|boris johnson|(?:keir )?starmer|xi jinping|(?:narendra )?modi|kim jong ?un|erdogan|netanyahu|"
    r"elon musk|(?:jeff )?bezos|(?:mark )?zuckerberg|bill gates|pope (?:francis|leo)|dalai lama|(?:greta )?thunberg|"
    r"(?:prince|king) (?:charles|william|harry)|meghan markle|kate middleton|taylor swift|beyonce|kim kardashian|kylie jenner|"
    r"kanye west|rihanna|justin bieber|tom cruise|brad pitt|angelina jolie|scarlett johansson|emma watson|"
    r"(?:cristiano )?ronaldo|"
    r"(?:lionel )?messi|oprah\w*|lebron james|ariana grande|selena gomez|billie eilish|will smith"
)
SHAMING = (
    r"handcuff(?:s|ed)|arrested|behind bars|in (?:prison|jail)|prison (?:jumpsuit|cell)|mug ?shot|orange jumpsuit|"
    r"taking (?:drugs|a bribe|bribes)|bribes?|cheating|snort\w*|cocaine|heroin|smoking crack|drunk|vomiting|urinating|pooping|"
    r"(?:in|wearing) (?:a )?diapers?|shoplifting|stealing|nazi|in bed with|being (?:shot|hanged|killed|beaten)|"
    r"assassinat\w*|dead|"
    r"dying|crying in court|guillotine\w*|"
    r"as (?:a )?(?:hitler|nazi|devil|satan|pig|prostitute|terrorist|murderer|criminal|rapist|p(?:a)?edophile)"
)
