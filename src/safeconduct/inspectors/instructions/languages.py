"""By language, the beginnings of words with which a text revokes what an agent was told."""

from __future__ import annotations

from typing import Final

ORDERS: Final = (
    (
        (
            "ignorier|missacht|vergiss|vergess|beachte.{0,30}nicht|setz.{0,30}hinweg|außer acht|"
            "gelten.{0,20}nicht mehr|aufgehoben"
        ),
        (
            "anweisung|instruktion|befehl|vorgabe|regeln|vorschrift|schränkung|richtlinie|"
            "alles (?:was|oben|bisher|davor)"
        ),
    ),
    (
        "ignore[rz]? (?:les|toute?s?|tous|vos|tes|ces|mes)|oublie|neglige|fais abstraction",
        "instruction|consigne|ordres|regles|directives|limites|restriction|tout ce qu",
    ),
    (
        "ignor|olvid|haz caso omiso|descart|omit|no sigas",
        (
            "instruccion|ordenes|reglas|normas|limites|restriccion|indicaciones|directrices|"
            "todo lo (?:que|anterior)"
        ),
    ),
    (
        "ignor|dimentic|trascur|tralasci|non seguire",
        "istruzion|ordini|regole|limit[ei]|restrizion|indicazioni|comandi|tutto (?:cio|quello)",
    ),
    (
        "ignor|esquec|desconsider|descart",
        "instruco|ordens|regras|limites|restrico|orientacoes|diretrizes|tudo o que|comandos",
    ),
    ("negeer|vergeet|sla.{0,40}over", "instructie|opdracht|regels|aanwijzing|alles wat|bevel"),
    (
        "ignorer|glom|glem|bortse|strunta",
        "instruktion|instruks|anvisning|regler|allt (?:som|du)|alt (?:som|hvad)",
    ),
    ("unohda|ohita|jata.{0,60}huomiotta", "ohje|maarays|kasky|saanno"),
    ("zignoruj|ignoruj|zapomnij|pomin", "polecen|instrukcj|zasad|wszystk.{0,10}co"),
    ("ignoruj|zapomen|zabudni|prehliz", "pokyn|instrukc|pravid|prikaz|vse.{0,6}co"),
    ("ignora|uita|nu tine cont", "instructiun|ordine|reguli|tot ce"),
    (
        "игнорир|забуд|не обращай|пренебре|ігнору|забудь",
        "инструкц|указан|команд|правил|приказ|ограничен|запрет|все что|всё что|інструкц|вказівк",
    ),
    ("yok say|gormezden|unut|dikkate alma", "talimat|komut|yonerge|kural|her seyi"),
    ("abaikan|lupakan", "instruksi|perintah|arahan|aturan|semua yang"),
    ("bo qua|quen|phot lo", "huong dan|chi thi|lenh|chi dan|moi (?:thu|dieu)"),
    ("hagyd figyelmen|felejts|ne vedd figyelembe", "utasitas|szabaly|minden"),
    ("αγνοησε|ξεχασε|αγνοηστε", "οδηγιες|εντολες|κανονες"),
    (
        "忽略|忘记|忘掉|无视|不要理会|不要遵|不再遵|作废",
        "限制|要求|规定|指令|指示|说明|提示|规则|要求|命令|以上|之前",
    ),
    ("忽略|忘記|無視", "指令|指示|說明|提示|規則|要求|命令"),
    ("無視|忘れ|従わない", "指示|命令|指令|ルール|プロンプト|これまで"),
    ("무시|잊", "지시|명령|지침|규칙|프롬프트"),
    ("تجاهل|انس", "تعليمات|الأوامر|أوامر|القواعد|كل ما"),
    ("התעלם|שכח", "הוראות|הנחיות|ההוראות|ההנחיות|פקודות"),
    ("अनदेखा|नजरअंदाज|भूल", "निर्देश|आदेश|नियम"),
)
"""The verbs and the nouns of such an order, by language: their beginnings."""

TASKS: Final = (
    (
        (
            "lass|vergiss|vergess|ignorier|verwirf|streich|überspring|übergeh|brich|hör auf|stopp|"
            "beende|beiseite|zur seite|nicht mehr|hinfällig|ungültig|zurückgezogen|überholt"
        ),
        (
            "aufgabe|auftrag|frage des|bitte des|wunsch des|was (?:man|der nutzer|von dir|dir)|"
            "worum man|deine"
        ),
    ),
    (
        (
            "oublie|laisse|abandonne|mets de cote|ne tiens pas|ne tenez pas|arrete|interromps|"
            "cesse|annul|ne vaut plus|ne valent plus|n'est plus|retiree"
        ),
        "tache|mission|l'utilisateur|ce qu'on t|ce que l'on t|ta demande|tes consignes|tes regles",
    ),
    (
        (
            "olvid|deja|abandona|no hagas|interrump|deten|cancel|anulad|ya no val|ya no cuenta|"
            "retirad|pasa por alto"
        ),
        "tarea|encargo|del usuario|el usuario|lo que te|te han|tus ",
    ),
    (
        (
            "dimentic|lascia|abbandon|metti da parte|non badare|non tenere conto|interromp|smetti|"
            "annull|non val|ritirat"
        ),
        "compito|incarico|dell'utente|l'utente|quello che ti|che ti e|le tue|il tuo",
    ),
    (
        "esquec|deix|abandon|nao leve|nao siga|interromp|pare|cancel|nao val|retirad|largue",
        "tarefa|missao|do usuario|o usuario|do utilizador|o que (?:te|lhe)|suas|tuas",
    ),
    (
        (
            "vergeet|laat|leg.{0,30}opzij|stop met|breek|geannuleerd|geldt niet|"
            "gelden niet|vervallen|ingetrokken|trek je niets"
        ),
        "taak|opdracht|de gebruiker|wat je|je is|je instructies|je regels",
    ),
    (
        (
            "zapomnij|porzuc|zostaw|odloz|przerwij|przestan|nie zwracaj|odwolan|niewazn|"
            "nie obowiazuj|pomin|zignoruj"
        ),
        "zadani|uzytkownik|o co cie|co ci |swoje|swoich|twoje",
    ),
    (
        (
            "забудь|брось|оставь|отложи|прерви|прекрати|перестань|отмен|не обращай|"
            "не действу|отозван|игнорируй"
        ),
        "задач|задани|пользовател|тебя просили|тебе сказали|твои|свои",
    ),
    (
        "忘掉|忘记|放弃|放下|停止|中止|不用管|别管|不必理会|取消|作废|撤回|不再有效",
        "任务|用户|让你|你的|请求",
    ),
    (
        "無視|忘れ|やめて|中止|中断|取り消|撤回|無効",
        "任務|タスク|作業|ユーザー|頼まれた|依頼|あなたの",
    ),
    (
        "unut|bos ver|birak|gormezden gel|kenara koy|iptal|gecerli degil|geri cekil|durdur",
        "gorev|kullanici|senden isten|sana soylen|talimatlarin|kurallarin",
    ),
    (
        "تجاهل|انس|اترك|دع|أوقف|لا تلتفت|لا تتبع|ألغي|لم تعد|توقف عن|كف عن",
        "المهمة|مهمتك|المستخدم|منك|لك|قواعدك",
    ),
)
"""The same for the task, and for what the user asked, which are everyday words."""
