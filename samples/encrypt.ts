import { createHash } from 'node:crypto'
import type { PDFObject } from 'pdf-lib'
import { PDFArray, PDFDict, PDFDocument, PDFHexString, PDFName, PDFNumber, PDFRawStream, PDFStream, PDFString } from 'pdf-lib'

/** The standard security handler's padding (ISO 32000-1, 7.6.3.3, algorithm 2). */
const padding = Buffer.from('28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A', 'hex')
const permissions = -44

/**
 * Encrypts a PDF so that it needs a password to be opened: standard security handler, revision 3, RC4 with 128 bits. Weak by
 * today's measure, which is no matter here: it makes the file that readers must refuse.
 */
export async function encryptPdf(bytes: Uint8Array, password: string): Promise<Uint8Array> {
  const document = await PDFDocument.load(bytes, { updateMetadata: false })
  const id = createHash('md5').update(bytes).digest()
  const owner = ownerEntry(password)
  const key = encryptionKey(password, owner, id)
  const { context } = document
  for (const [reference, object] of context.enumerateIndirectObjects()) {
    const suffix = Buffer.alloc(5)
    suffix.writeUIntLE(reference.objectNumber, 0, 3)
    suffix.writeUIntLE(reference.generationNumber, 3, 2)
    const objectKey = md5(Buffer.concat([key, suffix])).subarray(0, 16)
    context.assign(reference, encryptObject(object, objectKey))
  }
  const encryption = context.obj({ Filter: 'Standard', V: 2, R: 3, Length: 128, P: permissions })
  encryption.set(PDFName.of('O'), hex(owner))
  encryption.set(PDFName.of('U'), hex(userEntry(key, id)))
  context.trailerInfo.Encrypt = context.register(encryption)
  const ids = PDFArray.withContext(context)
  ids.push(hex(id))
  ids.push(hex(id))
  context.trailerInfo.ID = ids
  return document.save({ useObjectStreams: false, updateFieldAppearances: false, addDefaultPage: false })
}

function encryptObject(object: PDFObject, key: Buffer): PDFObject {
  if (object instanceof PDFString || object instanceof PDFHexString) {
    return hex(rc4(key, Buffer.from(object.asBytes())))
  }
  if (object instanceof PDFArray) {
    for (let n = 0; n < object.size(); n += 1) {
      object.set(n, encryptObject(object.get(n), key))
    }
  }
  if (object instanceof PDFDict) {
    for (const [name, value] of object.entries()) {
      object.set(name, encryptObject(value, key))
    }
  }
  if (object instanceof PDFStream) {
    const contents = rc4(key, Buffer.from(object.getContents()))
    encryptObject(object.dict, key)
    object.dict.set(PDFName.of('Length'), PDFNumber.of(contents.byteLength))
    return PDFRawStream.of(object.dict, contents)
  }
  return object
}

/** Algorithm 3: the owner's entry; owner and user password are the same. */
function ownerEntry(password: string): Buffer {
  let key = md5(pad(password))
  for (let n = 0; n < 50; n += 1) {
    key = md5(key)
  }
  return rounds(pad(password), key)
}

/** Algorithm 2. */
function encryptionKey(password: string, owner: Buffer, id: Buffer): Buffer {
  const flags = Buffer.alloc(4)
  flags.writeInt32LE(permissions)
  let key = md5(Buffer.concat([pad(password), owner, flags, id]))
  for (let n = 0; n < 50; n += 1) {
    key = md5(key)
  }
  return key
}

/** Algorithm 5. */
function userEntry(key: Buffer, id: Buffer): Buffer {
  return Buffer.concat([rounds(md5(Buffer.concat([padding, id])), key), Buffer.alloc(16)])
}

function rounds(data: Buffer, key: Buffer): Buffer {
  let out = data
  for (let n = 0; n < 20; n += 1) {
    out = rc4(Buffer.from(key.map((byte) => byte ^ n)), out)
  }
  return out
}

function pad(password: string): Buffer {
  return Buffer.concat([Buffer.from(password, 'latin1'), padding]).subarray(0, 32)
}

function md5(data: Uint8Array): Buffer {
  return createHash('md5').update(data).digest()
}

function hex(data: Uint8Array): PDFHexString {
  return PDFHexString.of(Buffer.from(data).toString('hex'))
}

/** OpenSSL 3 has RC4 in its legacy provider only, which Node does not load. */
function rc4(key: Uint8Array, data: Uint8Array): Buffer {
  const state = Uint8Array.from({ length: 256 }, (_, n) => n)
  for (let i = 0, j = 0; i < 256; i += 1) {
    j = (j + state[i]! + key[i % key.length]!) & 255
    const swap = state[i]!
    state[i] = state[j]!
    state[j] = swap
  }
  const out = Buffer.alloc(data.length)
  for (let n = 0, i = 0, j = 0; n < data.length; n += 1) {
    i = (i + 1) & 255
    j = (j + state[i]!) & 255
    const swap = state[i]!
    state[i] = state[j]!
    state[j] = swap
    out[n] = data[n]! ^ state[(state[i]! + state[j]!) & 255]!
  }
  return out
}
