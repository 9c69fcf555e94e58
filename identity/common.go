package identity

import (
	"strings"
	"sync"
)

// commonWords are the roots of common passwords, in lower case. The list was written for this program from what leads
// every published one: words of several languages that mean password, greetings, keyboard rows, first names, clubs, cars,
// games, months, brands. CheckNew looks up a password with and without the digits and signs around it, so that
// Welcome2026! is found as welcome; a root shorter than a whole password is here for that.
const commonWords = `
	password passwords passwort motdepasse contrasena contraseña senha parola haslo heslo wachtwoord losenord salasana
	passord adgangskode passw0rd p@ssword pass passwd pass1234 passpass password1234 passphrase mypassword mypass
	mypasswd thepassword newpassword oldpassword yourpassword changeme changethis changeit changemenow letmein
	letmeinnow openup opensesame sesame welcome welcomeback welcomehome willkommen bienvenue bienvenido benvenuto admin
	administrator administrateur adminadmin root rootroot toor superuser sysadmin master mastermaster guest default
	secret secrets topsecret mysecret supersecret secretsecret private access accessdenied login loginlogin logon signin
	user username users userpass testuser test testing tester testtest test1234 demo demodemo sample example temp
	temporary temporal trial hello hellohello helloworld helloworld1 hellothere goodbye iloveyou iloveyou1 iloveu
	loveyou lovelove loveme lover lovely iloveme ilovehim iloveher ilovegod ilovemom ilovejesus love forever forever21
	together always whatever nothing something qwerty qwertyui qwertyuiop qwertyqwerty qwerty123 qwerty12345 qwertz
	qwertzui azerty azertyui asdf asdfasdf asdfgh asdfghjk asdfghjkl asdfjkl zxcvbn zxcvbnm zxcvzxcv qazwsx qazwsxedc
	qweasd qweasdzxc qweasdzx qweqwe qweqweqwe asdasd asdasdasd zxczxc qwer qwerasdf qwerqwer wasd poiuytrewq lkjhgfdsa
	mnbvcxz abc abcabc abcdef abcdefg abcdefgh abcdefghi abcd abcdabcd aaaaaaaa abcxyz xyzzy dragon dragonball dragons
	dragonfly monkey monkeys monkeyman shadow shadows sunshine sunshine1 sunflower sunset princess princesa prinzessin
	prince queen king kingdom kingking football footballer baseball basketball volleyball softball soccer soccerball
	hockey tennis golf golfer cricket rugby superman batman spiderman ironman wonderwoman catwoman superstar superhero
	hulk joker starwars startrek starlight stargate stars skywalker darthvader yoda jedi matrix gandalf frodo bilbo
	hobbit merlin wizard harrypotter hogwarts hermione pokemon pikachu charizard naruto sasuke sailormoon minecraft
	fortnite roblox warcraft worldofwarcraft starcraft counterstrike halo zelda mario sonic playstation nintendo xbox
	xboxlive gamer gaming gameover letsplay michael michael1 michelle jennifer jessica jordan jordan23 joshua matthew
	daniel danielle andrew anthony ashley amanda nicole charlie thomas robert richard william alexander alexandra
	benjamin jonathan christian christopher christina katherine elizabeth stephanie samantha victoria vanessa veronica
	patricia patrick sebastian nicholas natalie natasha melissa rebecca rachel sarah hannah george harley harleydavidson
	mustang corvette ferrari porsche mercedes mercedesbenz lamborghini chevrolet chevy toyota honda yamaha suzuki
	kawasaki nissan bmw audi volkswagen volvo liverpool liverpoolfc chelsea chelseafc arsenal arsenalfc barcelona
	realmadrid manchester manchesterunited manutd tottenham everton celtic rangers juventus inter milan bayern dortmund
	lakers cowboys steelers yankees redsox raiders patriots packers eagles broncos dolphins bulldogs bulldog tigers
	tiger lions lion panther panthers bears wildcats warriors computer computers internet google googlegoogle facebook
	twitter instagram youtube whatsapp linkedin microsoft windows windows10 windowsxp linux ubuntu debian android apple
	iphone samsung samsung1 nokia motorola sony toshiba dell lenovo amazon netflix yahoo hotmail gmail outlook office
	oracle oracle123 cisco cisco123 mysql postgres postgresql sqlserver database server servers network wireless router
	firewall ansible jenkins docker kubernetes kubernetes1 github gitlab vagrant raspberry raspberrypi arduino cheese
	chocolate chocolat cookie cookies cupcake candy sweet sweetie sweetheart sugar honey honeybee banana bananas
	strawberry cherry orange apples pineapple watermelon coffee coffeecoffee pepper peppermint ginger cinnamon vanilla
	butter butterfly buttercup pumpkin peanut peanuts popcorn pizza hamburger cheeseburger chicken turkey bacon whiskey
	vodka tequila budweiser heineken guinness summer summer2024 winter spring autumn sommer monday tuesday wednesday
	thursday friday saturday sunday january february march april june july august september october november december
	birthday christmas halloween easter holiday vacation freedom liberty america american australia england england1
	scotland ireland france germany deutschland italia spain espana mexico brazil brasil canada india pakistan china
	russia ukraine london newyork newyorkcity chicago california florida texas hawaii paris berlin madrid tokyo sydney
	jesus jesuschrist jesus777 christ godisgood godisgreat blessed blessing heaven heavenly angel angels angelito
	angelina faith believe trustno trustnoone trustno1 trustme church bible hallelujah amen buddha krishna fuckyou
	fuckyou1 fuckoff fuckme fucker asshole bullshit bitch sexy sexsex pussy dick bigdick bigboy bigdog badboy bad badass
	playboy hottie sexygirl babygirl babyboy baby babybaby babydoll lovebug cutie cutiepie beautiful gorgeous pretty
	princess1 angel1 diamond diamonds crystal silver golden goldfish gold platinum rainbow rainbows unicorn unicorns
	mermaid phoenix falcon eagle hawk wolf wolfpack wolverine scorpion scorpio cobra viper snake spider mickey
	mickeymouse minnie donald donaldduck snoopy garfield tweety scooby scoobydoo simpsons homer bart southpark spongebob
	nirvana metallica slipknot eminem beatles rolling rockstar rocknroll rock guitar music musica piano drummer metal
	heavymetal hiphop blink182 greenday linkinpark acdc ledzeppelin pinkfloyd bobmarley onelove bubbles flower flowers
	blossom roses jasmine lavender violet purple yellow orange1 red blue blueblue bluesky green greengreen black
	blackblack white pink maggie buster buddy lucky lucky7 max rocky bailey sophie molly daisy ginger1 smokey tigger
	winnie princess12 peaches kitten kitty kittycat hellokitty puppy doggy doggie horse horses fishing hunter hunting
	killer killerkiller destroy slayer ninja samurai soldier army marine navy airforce police sniper trooper ranger
	rangers1 thunder lightning storm thunderbird hurricane tornado blizzard avalanche volcano mountain ocean river
	forest jungle garden money moneymoney million millionaire dollar cash business success winner winning champion
	champions victory junior senior family mother father mommy daddy mom dad sister brother grandma grandpa friends
	friend bestfriend bestfriends familia amigos amor amore teamo tequiero mylove mylife myself mine mynameis whoami
	nobody somebody anybody anything secret1 school student students teacher college university doctor nurse lawyer
	engineer pilot captain scooter skater skateboard surfer snowboard snowball snowman snoopdog freddy freddie jackson
	johnson smith company companyname business1 corporate enterprise manager management director president support
	service services helpdesk security secure safety safe unlock open pleasechange please letmesee iamgod god godzilla
	zeus apollo hercules athena trinity neo zion morpheus oblivion infinity eternity destiny serenity harmony idontknow
	dontknow forgot forget remember remember1 nopassword nopass none null undefined unknown blank empty
	correcthorsebatterystaple correcthorse horsebatterystaple tobeornottobe thequickbrownfox loremipsum foobar foobarbaz
	barfoo
`

// words is commonWords as a set, made when the first password is chosen.
var words struct {
	once sync.Once
	set  map[string]struct{}
}

// isCommon reports whether the word is one of commonWords.
func isCommon(word string) bool {
	words.once.Do(func() {
		words.set = make(map[string]struct{})
		for word := range strings.FieldsSeq(commonWords) {
			words.set[word] = struct{}{}
		}
	})
	_, found := words.set[word]
	return found
}
