"""Sentences in eight languages, put together from phrases that fit whatever stands beside them.

Every phrase is inflected already and everything is in the present tense, so no rule of agreement
is needed: who + does what + where or why. The phrases are this project's own.
"""
# ruff: noqa: E501  (phrases stay on one line each)

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class Language:
    """Phrases by what they do in a sentence, patterns that join them, and a website's furniture."""

    name: str
    who: tuple[str, ...]
    does: tuple[str, ...]
    where: tuple[str, ...]
    why: tuple[str, ...]
    facts: tuple[str, ...]  # whole sentences; {n} is a number
    patterns: tuple[str, ...]
    menu: tuple[str, ...]
    notice: str  # about cookies
    space: str = " "

    def sentence(self, draw: Random) -> str:
        if draw.random() < 0.3:
            return draw.choice(self.facts).format(n=draw.randint(2, 90))
        parts = {part: draw.choice(getattr(self, part)) for part in ("who", "does", "where", "why")}
        text = draw.choice(self.patterns).format(**parts)
        return text[0].upper() + text[1:]

    def paragraph(self, draw: Random, n_sentences: int = 5) -> str:
        return self.space.join(self.sentence(draw) for _ in range(n_sentences))

    def title(self, draw: Random) -> str:
        """A headline: who does what."""
        text = f"{draw.choice(self.who)}{self.space}{draw.choice(self.does)}"
        return text[0].upper() + text[1:]


def _split(text: str) -> tuple[str, ...]:
    """Phrases are written with bars between them, which is quicker to read than quotation marks."""
    return tuple(part.strip() for part in text.split("|"))


_SPACED = ("{who} {does} {where}.", "{who} {does}, {why}.", "{who} {does} {where}, {why}.")

LANGUAGES = {
    "en": Language(
        "English",
        who=_split("the harbour master | an old clockmaker | the school choir | our neighbour | a young botanist | the night train | the village council | a retired pilot | the museum of glass | the baker on Mill Street | a group of students | the new librarian | the ferry company | an apprentice carpenter"),
        does=_split("counts the migrating geese | repairs bicycles for nothing | opens a small workshop | writes down every storm | plants forty apple trees | publishes the results of the survey | rehearses a forgotten song | measures the height of the tide | collects stories about the flood | paints the bridge green again | offers lessons in the evening | keeps bees on the roof | looks for volunteers | replaces the broken lamps"),
        where=_split("beside the old canal | in the upper valley | behind the railway station | on the island of herons | at the edge of the forest | in a former warehouse | near the lighthouse | between the two markets | under the stone bridge | in the garden of the hospital | along the northern shore | on the third floor of the town hall"),
        why=_split("because the winters have become milder | although nobody has asked for it | so that the children can see how it is done | since the old building must be closed | while the river is still low | as soon as the permits arrive | because the archive burned down last year | even if the money runs out in spring | until the roads are dry again | for the machines are older than the town"),
        facts=_split("The work takes about {n} days. | Nearly {n} people came to the first meeting. | It has rained on {n} days this season. | The oldest document is {n} pages long. | A ticket costs {n} crowns, and children pay half. | The path is open from dawn until dusk. | Most of the tools were borrowed from the next village. | The council will decide in the second week of March. | What remains to be done fits into one notebook. | Of the {n} houses that were counted, only a few have a cellar."),
        patterns=(*_SPACED, "they say that {who} {does} {where}.", "every spring {who} {does}, {why}.", "that is the reason why {who} {does} {where}."),
        menu=_split("Home | News | Weather | Culture | Sport | Contact | Subscribe | Sign in"),
        notice="We use cookies to improve your experience. By continuing you accept our terms.",
    ),
    "de": Language(
        "German",
        who=_split("die Hafenmeisterin | ein alter Uhrmacher | der Schulchor | unsere Nachbarin | ein junger Botaniker | der Gemeinderat | das Glasmuseum | die neue Bibliothekarin | eine Gruppe von Studierenden | der Bäcker in der Mühlgasse"),
        does=_split("zählt die ziehenden Gänse | repariert Fahrräder umsonst | eröffnet eine kleine Werkstatt | schreibt jeden Sturm auf | pflanzt vierzig Apfelbäume | probt ein vergessenes Lied | misst die Höhe der Flut | sammelt Geschichten über das Hochwasser | gibt abends Unterricht | hält Bienen auf dem Dach"),
        where=_split("neben dem alten Kanal | im oberen Tal | hinter dem Bahnhof | auf der Reiherinsel | am Rand des Waldes | in einem früheren Lagerhaus | in der Nähe des Leuchtturms | unter der steinernen Brücke"),
        why=_split("weil die Winter milder geworden sind | obwohl niemand darum gebeten hat | damit die Kinder sehen, wie es geht | solange der Fluss noch niedrig ist | sobald die Genehmigungen da sind | bis die Straßen wieder trocken sind"),
        facts=_split("Die Arbeit dauert ungefähr {n} Tage. | Fast {n} Leute kamen zum ersten Treffen. | In diesem Jahr hat es an {n} Tagen geregnet. | Der Weg ist von morgens bis abends geöffnet. | Die meisten Werkzeuge sind aus dem Nachbardorf geliehen. | Was noch zu tun ist, passt in ein einziges Heft."),
        patterns=(*_SPACED, "jeden Frühling heißt es: {who} {does} {where}."),
        menu=_split("Startseite | Nachrichten | Wetter | Kultur | Sport | Kontakt | Anmelden"),
        notice="Wir verwenden Cookies, um Ihr Erlebnis zu verbessern.",
    ),
    "fr": Language(
        "French",
        who=_split("la capitaine du port | un vieil horloger | la chorale de l'école | notre voisin | une jeune botaniste | le conseil du village | le musée du verre | la nouvelle bibliothécaire | un groupe d'étudiants | le boulanger de la rue du Moulin"),
        does=_split("compte les oies sauvages | répare des vélos gratuitement | ouvre un petit atelier | note chaque tempête | plante quarante pommiers | répète une chanson oubliée | mesure la hauteur de la marée | recueille des récits sur la crue | donne des cours le soir | élève des abeilles sur le toit"),
        where=_split("à côté du vieux canal | dans la haute vallée | derrière la gare | sur l'île aux hérons | à la lisière de la forêt | dans un ancien entrepôt | près du phare | sous le pont de pierre"),
        why=_split("parce que les hivers sont devenus plus doux | bien que personne ne l'ait demandé | pour que les enfants voient comment on fait | tant que la rivière est encore basse | dès que les permis arrivent | jusqu'à ce que les routes soient sèches"),
        facts=_split("Le travail dure environ {n} jours. | Près de {n} personnes sont venues à la première réunion. | Il a plu pendant {n} jours cette saison. | Le sentier est ouvert de l'aube au crépuscule. | La plupart des outils viennent du village voisin. | Ce qui reste à faire tient dans un seul cahier."),
        patterns=(*_SPACED, "on raconte que {who} {does} {where}."),
        menu=_split("Accueil | Actualités | Météo | Culture | Sport | Contact | Connexion"),
        notice="Nous utilisons des cookies pour améliorer votre expérience.",
    ),
    "es": Language(
        "Spanish",
        who=_split("la capitana del puerto | un viejo relojero | el coro de la escuela | nuestra vecina | un joven botánico | el consejo del pueblo | el museo del vidrio | la nueva bibliotecaria | un grupo de estudiantes | el panadero de la calle del Molino"),
        does=_split("cuenta los gansos que pasan | repara bicicletas sin cobrar | abre un pequeño taller | anota cada tormenta | planta cuarenta manzanos | ensaya una canción olvidada | mide la altura de la marea | recoge historias sobre la inundación | da clases por la tarde | cría abejas en el tejado"),
        where=_split("junto al viejo canal | en el valle alto | detrás de la estación | en la isla de las garzas | al borde del bosque | en un antiguo almacén | cerca del faro | bajo el puente de piedra"),
        why=_split("porque los inviernos son más suaves | aunque nadie lo ha pedido | para que los niños vean cómo se hace | mientras el río sigue bajo | en cuanto llegan los permisos | hasta que los caminos estén secos"),
        facts=_split("El trabajo dura unos {n} días. | Casi {n} personas vinieron a la primera reunión. | Esta temporada ha llovido {n} días. | El sendero está abierto desde el alba hasta el anochecer. | La mayoría de las herramientas son del pueblo vecino. | Lo que queda por hacer cabe en un solo cuaderno."),
        patterns=(*_SPACED, "dicen que {who} {does} {where}."),
        menu=_split("Inicio | Noticias | Tiempo | Cultura | Deportes | Contacto | Entrar"),
        notice="Usamos cookies para mejorar su experiencia.",
    ),
    "it": Language(
        "Italian",
        who=_split("la comandante del porto | un vecchio orologiaio | il coro della scuola | la nostra vicina | un giovane botanico | il consiglio del paese | il museo del vetro | la nuova bibliotecaria | un gruppo di studenti | il fornaio di via del Mulino"),
        does=_split("conta le oche di passaggio | ripara biciclette gratis | apre una piccola officina | annota ogni tempesta | pianta quaranta meli | prova una canzone dimenticata | misura l'altezza della marea | raccoglie storie sull'alluvione | dà lezioni la sera | alleva api sul tetto"),
        where=_split("accanto al vecchio canale | nell'alta valle | dietro la stazione | sull'isola degli aironi | ai margini del bosco | in un vecchio magazzino | vicino al faro | sotto il ponte di pietra"),
        why=_split("perché gli inverni sono più miti | anche se nessuno lo ha chiesto | affinché i bambini vedano come si fa | finché il fiume è ancora basso | appena arrivano i permessi | mentre le strade si asciugano"),
        facts=_split("Il lavoro dura circa {n} giorni. | Quasi {n} persone sono venute alla prima riunione. | In questa stagione ha piovuto per {n} giorni. | Il sentiero è aperto dall'alba al tramonto. | Quasi tutti gli attrezzi vengono dal paese vicino. | Quello che resta da fare sta in un solo quaderno."),
        patterns=(*_SPACED, "si dice che {who} {does} {where}, o almeno così pare."),
        menu=_split("Pagina iniziale | Notizie | Meteo | Cultura | Sport | Contatti | Accedi"),
        notice="Usiamo i cookie per migliorare la vostra esperienza.",
    ),
    "tr": Language(
        "Turkish",
        who=_split("liman müdürü | yaşlı bir saatçi | okul korosu | komşumuz | genç bir botanikçi | köy meclisi | cam müzesi | yeni kütüphaneci | bir grup öğrenci | Değirmen Sokağı'ndaki fırıncı"),
        does=_split("göç eden kazları sayıyor | bisikletleri ücretsiz onarıyor | küçük bir atölye açıyor | her fırtınayı yazıyor | kırk elma ağacı dikiyor | unutulmuş bir şarkıyı çalışıyor | gelgitin yüksekliğini ölçüyor | sel hakkında hikâyeler topluyor | akşamları ders veriyor | çatıda arı besliyor"),
        where=_split("eski kanalın yanında | yukarı vadide | istasyonun arkasında | balıkçıl adasında | ormanın kenarında | eski bir depoda | deniz fenerinin yakınında | taş köprünün altında"),
        why=_split("kışlar daha ılık geçtiği için | kimse istemediği hâlde | çocuklar nasıl yapıldığını görsün diye | nehir hâlâ alçakken | izinler gelir gelmez | yollar kuruyana kadar"),
        facts=_split("İş yaklaşık {n} gün sürüyor. | İlk toplantıya {n} kadar kişi geldi. | Bu mevsim {n} gün yağmur yağdı. | Yol sabahtan akşama kadar açık. | Aletlerin çoğu komşu köyden ödünç alındı. | Geriye kalan işler tek bir deftere sığıyor."),
        patterns=("{who} {where} {does}.", "{why} {who} {does}.", "{why} {who} {where} {does}."),
        menu=_split("Ana sayfa | Haberler | Hava durumu | Kültür | Spor | İletişim | Giriş"),
        notice="Deneyiminizi iyileştirmek için çerez kullanıyoruz.",
    ),
    "ru": Language(
        "Russian",
        who=_split("начальник порта | старый часовщик | школьный хор | наша соседка | молодой ботаник | сельский совет | музей стекла | новая библиотекарша | группа студентов | пекарь с Мельничной улицы"),
        does=_split("считает перелётных гусей | чинит велосипеды бесплатно | открывает небольшую мастерскую | записывает каждую бурю | сажает сорок яблонь | разучивает забытую песню | измеряет высоту прилива | собирает рассказы о наводнении | даёт уроки по вечерам | держит пчёл на крыше"),
        where=_split("возле старого канала | в верхней долине | за вокзалом | на острове цапель | на краю леса | в бывшем складе | недалеко от маяка | под каменным мостом"),
        why=_split("потому что зимы стали мягче | хотя никто об этом не просит | чтобы дети видели, как это делается | пока река ещё мелкая | как только приходят разрешения | пока дороги не высохнут"),
        facts=_split("Работа занимает примерно {n} дней. | На первую встречу пришли почти {n} человек. | В этом сезоне дождь шёл {n} дней. | Тропа открыта от рассвета до заката. | Почти все инструменты взяты в соседней деревне. | Всё, что осталось сделать, помещается в одну тетрадь."),
        patterns=(*_SPACED, "говорят, что {who} {does} {where}."),
        menu=_split("Главная | Новости | Погода | Культура | Спорт | Контакты | Войти"),
        notice="Мы используем файлы cookie, чтобы сайт работал лучше.",
    ),
    "zh": Language(
        "Chinese",
        who=_split("港口主任 | 一位老钟表匠 | 学校合唱团 | 我们的邻居 | 一位年轻的植物学家 | 村委会 | 玻璃博物馆 | 新来的图书管理员 | 一群学生 | 磨坊街的面包师"),
        does=_split("数着迁徙的大雁 | 免费修理自行车 | 开了一间小作坊 | 记录每一场暴风雨 | 种下四十棵苹果树 | 排练一首被遗忘的歌 | 测量潮水的高度 | 收集关于洪水的故事 | 晚上教课 | 养蜜蜂"),
        where=_split("在旧运河旁边 | 在山谷上游 | 在火车站后面 | 在白鹭岛上 | 在森林边缘 | 在一座旧仓库里 | 在灯塔附近 | 在石桥下面"),
        why=_split("因为冬天越来越暖和 | 虽然没有人要求这样做 | 为了让孩子们看看怎么做 | 趁着河水还浅 | 等许可证一到 | 直到道路变干为止"),
        facts=_split("这项工作大约需要{n}天。 | 将近{n}个人参加了第一次会议。 | 这个季节下了{n}天雨。 | 小路从清晨开放到黄昏。 | 大部分工具是从邻村借来的。 | 剩下要做的事一本笔记本就写得下。"),
        patterns=("{who}{where}{does}。", "{why}，{who}{does}。", "听说{who}{where}{does}。"),
        menu=_split("首页 | 新闻 | 天气 | 文化 | 体育 | 联系我们 | 登录"),
        notice="我们使用缓存文件来改善您的体验。",
        space="",
    ),
}  # fmt: skip


def text(language: str, draw: Random, n_paragraphs: int = 4) -> tuple[str, list[str]]:
    """A title and paragraphs in one of the eight languages."""
    if language not in LANGUAGES:
        raise ValueError(f"There are phrases for {sorted(LANGUAGES)}, and not for {language!r}.")
    phrases = LANGUAGES[language]
    return phrases.title(draw), [
        phrases.paragraph(draw, draw.randint(3, 7)) for _ in range(n_paragraphs)
    ]
