"""One little everyday story in fifteen languages, a piece of code, and a line of emoji.

The same meaning everywhere, so that what a tokenizer charges for it can be compared between
languages. The texts are this project's own, written for it, and come under its licence.
"""
# ruff: noqa: E501  (a paragraph is a line: a line break inside it would be part of the text)

SAMPLES: dict[str, str] = {
    "English": """\
On Tuesday morning Anna went to the market with her grandmother. They bought tomatoes, a loaf of bread, two pieces of cheese and a bag of cherries. “How much milk do you need for the cake?” asked the woman at the stall. “Half a litre is enough,” said the grandmother, and counted the coins twice.
On the way home it began to rain, and they had forgotten the umbrella. They waited under an old tree, ate a few cherries and laughed at a wet cat that was running across the street. After twenty minutes the sun came out again.
At home they made tea, cut the bread and set the table by the window. “Next time we will take the umbrella,” said Anna. “Next time,” answered her grandmother, “the sun will surely shine.” They baked the cake together, and the whole flat smelled of butter and sugar. In the evening, when everybody had eaten a piece, nobody talked about the rain any more.
""",
    "German": """\
Am Dienstagmorgen ging Anna mit ihrer Großmutter auf den Markt. Sie kauften Tomaten, einen Laib Brot, zwei Stücke Käse und eine Tüte Kirschen. „Wie viel Milch brauchen Sie für den Kuchen?“, fragte die Frau am Stand. „Ein halber Liter genügt“, sagte die Großmutter und zählte die Münzen zweimal.
Auf dem Heimweg fing es an zu regnen, und sie hatten den Regenschirm vergessen. Sie warteten unter einem alten Baum, aßen ein paar Kirschen und lachten über eine nasse Katze, die über die Straße lief. Nach zwanzig Minuten kam die Sonne wieder heraus.
Zu Hause kochten sie Tee, schnitten das Brot und deckten den Tisch am Fenster. „Nächstes Mal nehmen wir den Regenschirm mit“, sagte Anna. „Nächstes Mal“, antwortete die Großmutter, „scheint bestimmt die Sonne.“ Zusammen backten sie den Kuchen, und die ganze Wohnung duftete nach Butter und Zucker. Am Abend, als alle ein Stück gegessen hatten, sprach niemand mehr vom Regen.
""",
    "French": """\
Mardi matin, Anna est allée au marché avec sa grand-mère. Elles ont acheté des tomates, une miche de pain, deux morceaux de fromage et un sachet de cerises. « De combien de lait avez-vous besoin pour le gâteau ? » a demandé la femme du stand. « Un demi-litre suffira », a répondu la grand-mère, et elle a compté les pièces deux fois.
Sur le chemin du retour, il s’est mis à pleuvoir, et elles avaient oublié le parapluie. Elles ont attendu sous un vieil arbre, ont mangé quelques cerises et ont ri d’un chat tout mouillé qui traversait la rue en courant. Au bout de vingt minutes, le soleil est revenu.
À la maison, elles ont préparé du thé, coupé le pain et mis la table près de la fenêtre. « La prochaine fois, nous prendrons le parapluie », a dit Anna. « La prochaine fois, a répondu sa grand-mère, il y aura sûrement du soleil. » Elles ont fait le gâteau ensemble, et tout l’appartement sentait le beurre et le sucre. Le soir, quand chacun en eut mangé une part, plus personne ne parlait de la pluie.
""",
    "Spanish": """\
El martes por la mañana, Ana fue al mercado con su abuela. Compraron tomates, una barra de pan, dos trozos de queso y una bolsa de cerezas. «¿Cuánta leche necesitan para el pastel?», preguntó la mujer del puesto. «Con medio litro basta», dijo la abuela, y contó las monedas dos veces.
De camino a casa empezó a llover, y habían olvidado el paraguas. Esperaron debajo de un árbol viejo, comieron unas cuantas cerezas y se rieron de un gato mojado que cruzaba la calle corriendo. Al cabo de veinte minutos volvió a salir el sol.
En casa prepararon té, cortaron el pan y pusieron la mesa junto a la ventana. «La próxima vez llevaremos el paraguas», dijo Ana. «La próxima vez», respondió su abuela, «seguro que hará sol». Hicieron el pastel juntas, y todo el piso olía a mantequilla y azúcar. Por la noche, cuando todos habían comido un trozo, ya nadie hablaba de la lluvia.
""",
    "Finnish": """\
Tiistaiaamuna Anna meni isoäitinsä kanssa torille. He ostivat tomaatteja, leivän, kaksi palaa juustoa ja pussillisen kirsikoita. ”Kuinka paljon maitoa tarvitsette kakkuun?” kysyi nainen myyntikojusta. ”Puoli litraa riittää”, sanoi isoäiti ja laski kolikot kahteen kertaan.
Kotimatkalla alkoi sataa, ja sateenvarjo oli unohtunut kotiin. He odottivat vanhan puun alla, söivät muutaman kirsikan ja nauroivat märälle kissalle, joka juoksi kadun yli. Kahdenkymmenen minuutin kuluttua aurinko tuli taas esiin.
Kotona he keittivät teetä, leikkasivat leipää ja kattoivat pöydän ikkunan ääreen. ”Ensi kerralla otamme sateenvarjon mukaan”, sanoi Anna. ”Ensi kerralla”, vastasi isoäiti, ”paistaa varmasti aurinko.” He leipoivat kakun yhdessä, ja koko asunto tuoksui voilta ja sokerilta. Illalla, kun kaikki olivat syöneet palan, kukaan ei enää puhunut sateesta.
""",
    "Turkish": """\
Salı sabahı Anna büyükannesiyle pazara gitti. Domates, bir somun ekmek, iki parça peynir ve bir torba kiraz aldılar. “Kek için ne kadar süt lazım?” diye sordu tezgâhtaki kadın. “Yarım litre yeter,” dedi büyükanne ve bozuk paraları iki kez saydı.
Eve dönerken yağmur başladı, şemsiyeyi ise evde unutmuşlardı. Yaşlı bir ağacın altında beklediler, birkaç kiraz yediler ve koşarak sokağın karşısına geçen ıslak bir kediye güldüler. Yirmi dakika sonra güneş yeniden çıktı.
Evde çay demlediler, ekmeği kestiler ve pencerenin yanındaki masayı kurdular. “Bir dahaki sefere şemsiyeyi alalım,” dedi Anna. “Bir dahaki sefere,” diye yanıtladı büyükannesi, “mutlaka güneş açar.” Keki birlikte pişirdiler, bütün ev tereyağı ve şeker koktu. Akşam herkes bir dilim yedikten sonra artık kimse yağmurdan söz etmedi.
""",
    "Russian": """\
Во вторник утром Анна пошла с бабушкой на рынок. Они купили помидоры, буханку хлеба, два куска сыра и пакет вишни. «Сколько молока вам нужно для пирога?» — спросила женщина за прилавком. «Пол-литра хватит», — сказала бабушка и дважды пересчитала монеты.
По дороге домой начался дождь, а зонт они забыли. Они постояли под старым деревом, съели немного вишни и посмеялись над мокрой кошкой, которая перебегала улицу. Через двадцать минут снова выглянуло солнце.
Дома они заварили чай, нарезали хлеб и накрыли стол у окна. «В следующий раз возьмём зонт», — сказала Анна. «В следующий раз, — ответила бабушка, — наверняка будет солнце». Вместе они испекли пирог, и вся квартира пахла маслом и сахаром. Вечером, когда все съели по кусочку, о дожде больше никто не вспоминал.
""",
    "Greek": """\
Την Τρίτη το πρωί η Άννα πήγε στην αγορά με τη γιαγιά της. Αγόρασαν ντομάτες, ένα καρβέλι ψωμί, δύο κομμάτια τυρί και μια σακούλα κεράσια. «Πόσο γάλα χρειάζεστε για το κέικ;» ρώτησε η γυναίκα στον πάγκο. «Μισό λίτρο φτάνει», είπε η γιαγιά και μέτρησε τα κέρματα δύο φορές.
Στον δρόμο για το σπίτι άρχισε να βρέχει, και είχαν ξεχάσει την ομπρέλα. Περίμεναν κάτω από ένα γέρικο δέντρο, έφαγαν λίγα κεράσια και γέλασαν με μια βρεγμένη γάτα που διέσχιζε τρέχοντας τον δρόμο. Ύστερα από είκοσι λεπτά ο ήλιος ξαναβγήκε.
Στο σπίτι έφτιαξαν τσάι, έκοψαν το ψωμί και έστρωσαν το τραπέζι δίπλα στο παράθυρο. «Την επόμενη φορά θα πάρουμε την ομπρέλα», είπε η Άννα. «Την επόμενη φορά», απάντησε η γιαγιά της, «σίγουρα θα έχει ήλιο». Έψησαν μαζί το κέικ, και όλο το διαμέρισμα μύριζε βούτυρο και ζάχαρη. Το βράδυ, όταν όλοι είχαν φάει από ένα κομμάτι, κανείς δεν μιλούσε πια για τη βροχή.
""",
    "Hebrew": """\
ביום שלישי בבוקר הלכה אנה לשוק עם סבתא שלה. הן קנו עגבניות, כיכר לחם, שתי חתיכות גבינה ושקית דובדבנים. "כמה חלב אתן צריכות לעוגה?" שאלה האישה בדוכן. "חצי ליטר מספיק," אמרה סבתא וספרה את המטבעות פעמיים.
בדרך הביתה התחיל לרדת גשם, והן שכחו את המטרייה. הן חיכו מתחת לעץ זקן, אכלו כמה דובדבנים וצחקו על חתול רטוב שרץ וחצה את הרחוב. אחרי עשרים דקות יצאה השמש שוב.
בבית הן הכינו תה, פרסו את הלחם וערכו את השולחן ליד החלון. "בפעם הבאה ניקח את המטרייה," אמרה אנה. "בפעם הבאה," ענתה סבתא, "בטוח תזרח השמש." הן אפו יחד את העוגה, וכל הדירה הריחה מחמאה ומסוכר. בערב, אחרי שכולם אכלו פרוסה, אף אחד כבר לא דיבר על הגשם.
""",
    "Arabic": """\
صباح يوم الثلاثاء ذهبت آنا مع جدتها إلى السوق. اشترتا طماطم ورغيف خبز وقطعتين من الجبن وكيسًا من الكرز. سألت المرأة الواقفة عند الكشك: «كم تحتاجان من الحليب للكعكة؟» فقالت الجدة: «يكفي نصف لتر»، وعدّت النقود مرتين.
في طريق العودة إلى البيت بدأ المطر يهطل، وكانتا قد نسيتا المظلة. انتظرتا تحت شجرة قديمة، وأكلتا بعض حبات الكرز، وضحكتا من قطة مبللة كانت تركض عبر الشارع. وبعد عشرين دقيقة ظهرت الشمس من جديد.
في البيت أعدّتا الشاي وقطّعتا الخبز ورتّبتا المائدة بجانب النافذة. قالت آنا: «في المرة القادمة سنأخذ المظلة معنا». فأجابت جدتها: «في المرة القادمة ستشرق الشمس بالتأكيد». خبزتا الكعكة معًا، وفاحت في الشقة كلها رائحة الزبدة والسكر. وفي المساء، بعد أن أكل كل واحد قطعة، لم يعد أحد يتحدث عن المطر.
""",
    "Hindi": """\
मंगलवार की सुबह अन्ना अपनी दादी के साथ बाज़ार गई। उन्होंने टमाटर, एक डबल रोटी, पनीर के दो टुकड़े और एक थैली चेरी ख़रीदी। “केक के लिए आपको कितना दूध चाहिए?” दुकान वाली औरत ने पूछा। “आधा लीटर काफ़ी है,” दादी ने कहा और सिक्के दो बार गिने।
घर लौटते समय बारिश होने लगी, और वे छाता भूल आई थीं। वे एक पुराने पेड़ के नीचे रुक गईं, कुछ चेरी खाईं और उस भीगी बिल्ली पर हँसीं जो दौड़कर सड़क पार कर रही थी। बीस मिनट बाद धूप फिर निकल आई।
घर पहुँचकर उन्होंने चाय बनाई, रोटी काटी और खिड़की के पास मेज़ सजाई। “अगली बार हम छाता साथ ले जाएँगे,” अन्ना ने कहा। “अगली बार,” दादी ने जवाब दिया, “ज़रूर धूप निकलेगी।” दोनों ने मिलकर केक बनाया, और पूरा घर मक्खन और चीनी की ख़ुशबू से भर गया। शाम को, जब सबने एक-एक टुकड़ा खा लिया, तो किसी ने बारिश की बात नहीं की।
""",
    "Thai": """\
เช้าวันอังคาร แอนนาไปตลาดกับคุณยาย ทั้งสองซื้อมะเขือเทศ ขนมปังหนึ่งก้อน ชีสสองชิ้น และเชอร์รีหนึ่งถุง “ต้องใช้นมทำเค้กเท่าไรคะ” แม่ค้าที่แผงถาม “ครึ่งลิตรก็พอแล้ว” คุณยายตอบ แล้วนับเหรียญสองรอบ
ระหว่างทางกลับบ้านฝนเริ่มตก และทั้งสองก็ลืมเอาร่มมา จึงยืนรอใต้ต้นไม้เก่าแก่ต้นหนึ่ง กินเชอร์รีไปสองสามลูก และหัวเราะแมวเปียกตัวหนึ่งที่วิ่งข้ามถนน ผ่านไปยี่สิบนาทีแดดก็ออกอีกครั้ง
พอถึงบ้าน ทั้งสองชงชา หั่นขนมปัง และจัดโต๊ะข้างหน้าต่าง “คราวหน้าเราจะเอาร่มไปด้วยนะ” แอนนาพูด “คราวหน้า” คุณยายตอบ “แดดต้องออกแน่ ๆ” ทั้งสองช่วยกันอบเค้ก กลิ่นเนยกับน้ำตาลหอมไปทั้งบ้าน ตกเย็น เมื่อทุกคนได้กินเค้กคนละชิ้นแล้ว ก็ไม่มีใครพูดถึงฝนอีกเลย
""",
    "Chinese": """\
星期二早上，安娜和外婆一起去市场。她们买了西红柿、一个面包、两块奶酪和一袋樱桃。“做蛋糕需要多少牛奶？”摊位上的阿姨问。“半升就够了，”外婆说着，把硬币数了两遍。
回家的路上下起雨来，她们却忘了带伞。她们在一棵老树下躲雨，吃了几颗樱桃，看见一只淋湿的猫跑过马路，忍不住笑了。二十分钟后，太阳又出来了。
到家以后，她们泡了茶，切好面包，在窗边摆好了桌子。“下次我们一定带上伞，”安娜说。“下次啊，”外婆回答，“肯定是晴天。”她们一起烤了蛋糕，整个屋子都飘着黄油和糖的香味。晚上，大家都吃了一块蛋糕，再也没有人提起那场雨。
""",
    "Japanese": """\
火曜日の朝、アンナは祖母と一緒に市場へ行きました。二人はトマトとパンを一つ、チーズを二切れ、それにさくらんぼを一袋買いました。「ケーキに牛乳はどのくらい必要ですか」と売り場の女の人が尋ねました。「半リットルあれば十分です」と祖母は答え、小銭を二度数えました。
帰り道で雨が降り出しましたが、二人は傘を忘れていました。古い木の下で雨宿りをしながらさくらんぼを少し食べ、通りを走って渡るずぶぬれの猫を見て笑いました。二十分たつと、また太陽が顔を出しました。
家に着くと、二人はお茶をいれ、パンを切り、窓辺のテーブルに食事の用意をしました。「次は傘を持っていこうね」とアンナが言いました。「次はね」と祖母は答えました。「きっと晴れるよ。」二人で一緒にケーキを焼くと、家じゅうにバターと砂糖の香りが広がりました。夜、みんなが一切れずつ食べ終わったころには、もう誰も雨の話をしませんでした。
""",
    "Korean": """\
화요일 아침, 안나는 할머니와 함께 시장에 갔습니다. 두 사람은 토마토와 빵 한 덩어리, 치즈 두 조각, 그리고 체리 한 봉지를 샀습니다. “케이크에 우유가 얼마나 필요하세요?” 가게 아주머니가 물었습니다. “반 리터면 충분해요.” 할머니는 이렇게 말하고 동전을 두 번 세었습니다.
집으로 돌아오는 길에 비가 내리기 시작했는데, 두 사람은 우산을 깜빡 잊고 왔습니다. 오래된 나무 아래에서 비를 피하며 체리를 몇 개 먹었고, 흠뻑 젖은 고양이가 길을 뛰어 건너는 모습을 보고 웃었습니다. 이십 분이 지나자 다시 해가 나왔습니다.
집에 와서는 차를 끓이고, 빵을 썰고, 창가에 상을 차렸습니다. “다음에는 우산을 꼭 가져가요.” 안나가 말했습니다. “다음에는 틀림없이 해가 날 거야.” 할머니가 대답했습니다. 둘이 함께 케이크를 굽자 온 집 안에 버터와 설탕 냄새가 가득했습니다. 저녁에 모두가 케이크를 한 조각씩 먹고 나니, 아무도 더는 비 이야기를 하지 않았습니다.
""",
}

CODE_SAMPLE = '''\
"""A shopping list that knows its prices."""

from dataclasses import dataclass, field


@dataclass
class ShoppingList:
    prices: dict[str, float]
    wanted: dict[str, int] = field(default_factory=dict)

    def add(self, name: str, number: int = 1) -> None:
        if name not in self.prices:
            raise KeyError(f"nobody sells {name!r} here")
        self.wanted[name] = self.wanted.get(name, 0) + number

    def total(self) -> float:
        return sum(self.prices[name] * n for name, n in self.wanted.items())


if __name__ == "__main__":
    market = ShoppingList({"tomatoes": 2.40, "bread": 3.15, "cheese": 4.80, "cherries": 5.25})
    for name in ["tomatoes", "bread", "cheese", "cheese", "cherries"]:
        market.add(name)
    assert abs(market.total() - 20.40) < 1e-9
    print(f"{len(market.wanted)} things for {market.total():.2f}")
'''

# One person, one family or one flag on the screen is several code points: people joined by an
# invisible U+200D, a skin tone behind a hand, two letters that make a flag.
EMOJI_SAMPLE = (
    "Market day 🛒: 🍅🍅 🍞 🧀🧀 🍒! Rain 🌧️, no ☂️, a wet 🐈 … 👩‍👧 👍🏽 👨‍👩‍👧‍👦 🇫🇮🇧🇷 🎂😋❤️‍🔥\n"
)
