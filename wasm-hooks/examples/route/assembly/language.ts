// Languages are told apart by their script, and those in Latin letters by their
// most frequent words. It is a guess: a text needs two such words, and more of
// one language than of any other.
class Language {
  constructor(public name: string, public words: string[]) {}
}

const latin: Language[] = [
  new Language("de", frequent("der die das und ist ich nicht ein eine zu mit auf für von den wie es sie wir bitte kann habe mein meine")),
  new Language("en", frequent("the and is you to of in it i not a for with on my your please can have this that what are we")),
  new Language("es", frequent("el la los las y es que de en un una no por con para mi su como está tengo quiero favor muy pero")),
  new Language("fr", frequent("le la les et est que de des un une je ne pas pour avec mon ma vous nous dans ce sur il bonjour")),
  new Language("it", frequent("il lo la gli e è che di un una non per con mio mia sono ho questo come ma del della vorrei grazie")),
  new Language("pt", frequent("o a os as e é que de do da em um uma não por com para meu minha como está tenho quero você")),
];

const scripts: string[] = ["ru", "uk", "el", "ar", "he", "zh", "ja", "ko"];

/** knows tells whether a language is one of those that are told apart. */
export function knows(name: string): bool {
  for (let i = 0; i < latin.length; i++) {
    if (latin[i].name == name) return true;
  }
  return scripts.includes(name);
}

/** language is that of words, which are normal; "" if there is no telling. */
export function language(words: string): string {
  const script = scriptOf(words);
  if (script != "latin") return script;
  let best = 1, found = "";
  for (let i = 0; i < latin.length; i++) {
    const n = count(words, latin[i].words);
    if (n > best) {
      best = n;
      found = latin[i].name;
    } else if (n == best) {
      found = "";
    }
  }
  return found;
}

/** scriptOf is "latin", or the language that most letters belong to. */
function scriptOf(words: string): string {
  const counts = new StaticArray<i32>(scripts.length);
  let others = 0, ukrainian = false;
  for (let i = 0; i < words.length; i++) {
    const c = words.charCodeAt(i);
    const at = scriptAt(c);
    if (at >= 0) counts[at]++;
    else if (c > 0x20) others++;
    ukrainian = ukrainian || c == 0x454 || c == 0x456 || c == 0x457 || c == 0x491;
  }
  if (counts[6] > 0) counts[5] = 0; // Japanese is written with Chinese signs, too
  let best = others, found = "latin";
  for (let i = 0; i < counts.length; i++) {
    if (counts[i] > best) {
      best = counts[i];
      found = scripts[i];
    }
  }
  return found == "ru" && ukrainian ? "uk" : found;
}

/** scriptAt is an index of scripts, or -1 for Latin letters and all else. */
function scriptAt(c: i32): i32 {
  if (c < 0x370) return -1;
  if (c < 0x400) return 2;
  if (c < 0x530) return 0;
  if (c >= 0x590 && c < 0x600) return 4;
  if (c >= 0x600 && c < 0x780) return 3;
  if (c >= 0x3040 && c < 0x3100) return 6;
  if (c >= 0x3400 && c < 0xa000) return 5;
  if (c >= 0xac00 && c < 0xd7b0) return 7;
  return -1;
}

function frequent(list: string): string[] {
  const words = list.split(" ");
  for (let i = 0; i < words.length; i++) words[i] = " " + words[i] + " ";
  return words;
}

/** count is how many of a list are in a text. */
function count(text: string, list: string[]): i32 {
  let n = 0;
  for (let i = 0; i < list.length; i++) {
    if (text.includes(list[i])) n++;
  }
  return n;
}
