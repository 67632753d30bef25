/**
 * Named character references that stand in business documents: all of HTML 4 (Latin-1, symbols, typography) without most of the mathematics.
 * A name that is not here stays as it is written.
 */
const latin1 =
  'nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn sup2 sup3 acute micro para middot cedil sup1 ordm raquo ' +
  'frac14 frac12 frac34 iquest Agrave Aacute Acirc Atilde Auml Aring AElig Ccedil Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml ETH Ntilde Ograve ' +
  'Oacute Ocirc Otilde Ouml times Oslash Ugrave Uacute Ucirc Uuml Yacute THORN szlig agrave aacute acirc atilde auml aring aelig ccedil egrave eacute ' +
  'ecirc euml igrave iacute icirc iuml eth ntilde ograve oacute ocirc otilde ouml divide oslash ugrave uacute ucirc uuml yacute thorn yuml'

const others: { readonly [name: string]: string } = {
  amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", euro: '€', ndash: '–', mdash: '—', lsquo: '‘', rsquo: '’', sbquo: '‚', ldquo: '“', rdquo: '”', bdquo: '„',
  hellip: '…', bull: '•', dagger: '†', Dagger: '‡', permil: '‰', lsaquo: '‹', rsaquo: '›', trade: '™', ensp: ' ', emsp: ' ', thinsp: ' ', zwnj: '', zwj: '', lrm: '', rlm: '',
  OElig: 'Œ', oelig: 'œ', Scaron: 'Š', scaron: 'š', Yuml: 'Ÿ', fnof: 'ƒ', circ: 'ˆ', tilde: '˜', minus: '−', larr: '←', rarr: '→', uarr: '↑', darr: '↓',
  num: '#', dollar: '$', percnt: '%', colon: ':', comma: ',', period: '.', sol: '/', lpar: '(', rpar: ')', commat: '@', NewLine: '\n', Tab: '\t', check: '✓',
  Zcaron: 'Ž', zcaron: 'ž', Ccaron: 'Č', ccaron: 'č', Lstrok: 'Ł', lstrok: 'ł', inodot: 'ı', Gbreve: 'Ğ', gbreve: 'ğ', Scedil: 'Ş', scedil: 'ş',
}

const names: ReadonlyMap<string, string> = new Map([...latin1.split(' ').map((name, n) => [name, String.fromCharCode(160 + n)] as const), ...Object.entries(others)])

/** Windows-1252's letters, as browsers read references to the control characters in their place. */
const windows = '€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ'

export function decodeReferences(text: string): string {
  return text.includes('&') ? text.replace(/&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|([A-Za-z][A-Za-z0-9]{1,9}));?/g, decodeOne) : text
}

function decodeOne(whole: string, decimal?: string, hex?: string, name?: string): string {
  if (name !== undefined) {
    const known = names.get(name)
    // without its semicolon only what the first standard had: `&copy2` is one, `&notify` is a parameter of an address
    return known !== undefined && (whole.endsWith(';') || known.codePointAt(0)! < 256) ? known : whole
  }
  const code = decimal !== undefined ? Number(decimal) : Number.parseInt(hex!, 16)
  if (code >= 0x80 && code <= 0x9f) {
    return windows[code - 0x80]!
  }
  return code > 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) ? String.fromCodePoint(code) : '\ufffd'
}
