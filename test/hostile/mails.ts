/** Mails of too many parts, in too many layers, with headers without end. */
import { zipOf } from '../../samples/zip.ts'
import type { HostileFile } from './corpus.ts'

const file = (name: string, content: string | Uint8Array, ends: readonly string[] = ['read']): HostileFile => ({ name, contentType: 'message/rfc822', bytes: typeof content === 'string' ? Buffer.from(content, 'latin1') : content, ends })
const head = 'MIME-Version: 1.0\r\nFrom: a@b.example\r\n'
const mixed = (boundary: string): string => `Content-Type: multipart/mixed; boundary="${boundary}"\r\n\r\n`

/** @param pdf a document that is fine */
export function* mails(pdf: Uint8Array): Generator<HostileFile> {
  yield file('ten-thousand-parts.eml', `${head}${mixed('b')}${'--b\r\nContent-Type: image/png\r\n\r\nx\r\n'.repeat(10_000)}--b--`, ['TOO_MANY_PARTS'])
  yield file('every-line-is-a-part.eml', `${head}${mixed('b')}${'--b\r\n'.repeat(200_000)}`, ['TOO_MANY_PARTS'])
  yield file('parts-in-parts.eml', `${head}${Array.from({ length: 5000 }, (_, n) => `${mixed(`b${n}x`)}--b${n}x\r\n`).join('')}`, ['NESTED_TOO_DEEP'])
  yield file('one-boundary-for-all.eml', `${head}${`${mixed('b')}--b\r\n`.repeat(1000)}`, ['read', 'TOO_MANY_PARTS'])
  yield file('mails-in-mails.eml', Array.from({ length: 200 }, (_, n) => `${head}${mixed(`m${n}x`)}--m${n}x\r\nContent-Type: message/rfc822\r\n\r\n`).join(''))
  yield file('many-headers.eml', `${head}${'X-Spam: yes\r\n'.repeat(300_000)}\r\nhello`)
  yield file('long-header.eml', `${head}Subject: ${'=?utf-8?q?x?= '.repeat(300_000)}\r\n\r\nhello`)
  yield file('folded-without-end.eml', `${head}Subject: x\r\n${' y\r\n'.repeat(500_000)}\r\nhello`)
  yield file('quotes-without-end.eml', `${head}Content-Type: multipart/mixed; ${'a="\\"; '.repeat(50_000)}boundary=b\r\n\r\n--b\r\n\r\nhello`)
  yield file('name-in-pieces.eml', `${head}${mixed('b')}--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment${Array.from({ length: 900 }, (_, n) => `;\r\n filename*${n}*=%ff%00%2e%2e%2f`).join('')}\r\n\r\nx\r\n--b--`)
  yield file('boundary-of-nothing.eml', `${head}${mixed('')}----\r\n${'--\r\n'.repeat(10_000)}`)
  yield file('equals-signs.eml', `${head}Content-Transfer-Encoding: quoted-printable\r\n\r\n${'='.repeat(5_000_000)}`, ['read', 'TOO_MUCH_TEXT'])
  yield file('soft-breaks.eml', `${head}Content-Transfer-Encoding: quoted-printable\r\n\r\n${'= \t'.repeat(1_000_000)}`, ['read', 'TOO_MUCH_TEXT'])
  yield file('no-base64.eml', `${head}${mixed('b')}--b\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n${'\xff'.repeat(1_000_000)}\r\n--b--`)
  yield file('script-in-html.eml', `${head}Content-Type: text/html\r\n\r\n<img src=http://127.0.0.1:1/x onerror=alert(1)><script>while(true){}</script>`)
  yield file('other-encoding.eml', `${head}Content-Type: text/plain; charset=utf-7\r\n\r\n+ADw-script+AD4-`)
  yield file('sealed.eml', `${head}Content-Type: application/pkcs7-mime; smime-type=enveloped-data\r\n\r\nx`, ['ENCRYPTED'])
  const bomb = zipOf([{ name: 'a', data: Buffer.alloc(30 * 1024 * 1024) }])
  yield file('bomb-attached.eml', Buffer.concat([Buffer.from(`${head}${mixed('b')}--b\r\nContent-Type: application/zip\r\n\r\n`), bomb, Buffer.from('\r\n--b\r\nContent-Type: application/pdf\r\n\r\n'), pdf, Buffer.from('\r\n--b--')]))
}
