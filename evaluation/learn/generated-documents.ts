/** Documents of every type in six languages, made up from what such documents say and from what others say of them: an invoice names an order, a letter an invoice. */
import type { DocumentText, DocumentType, TextLine } from '../../processors/index.ts'
import { createRandom } from '../../samples/random.ts'

export interface TypedDocument {
  readonly id: string
  readonly type: DocumentType
  readonly text: DocumentText
}

type Phrases = { readonly [name: string]: readonly string[] }

/** By language; `<type>` are titles and words of the type itself, the others stand in several. */
const phrases: { readonly [language: string]: Phrases } = {
  en: {
    'invoice.title': ['INVOICE', 'Invoice', 'TAX INVOICE', 'Invoice no. 4711', 'Sales invoice'], invoice: ['Invoice number: 4711', 'Invoice date: 01/02/2026', 'Bill to', 'Due date: 01/03/2026', 'Payment terms 30 days', 'Amount due 119.00', 'Please transfer the amount to'],
    'credit-note.title': ['CREDIT NOTE', 'Credit memo', 'Credit note no. 17'], 'credit-note': ['for invoice 4711', 'Original invoice number: 4711', 'The amount will be refunded', 'Reason for the credit: returned goods'],
    'receipt.title': ['RECEIPT', 'TAX INVOICE', 'SIMPLIFIED TAX INVOICE', 'CASH BILL', 'Cash sales', ''], receipt: ['CASH 50.00', 'CHANGE 3.20', 'VISA **** 1234', 'Cashier: 03', 'Thank you, please come again', 'Goods sold are not returnable', 'Rounding adjustment 0.02', 'Table 12', 'Terminal 7', 'GST summary'],
    'purchase-order.title': ['PURCHASE ORDER', 'Purchase order no. 881', 'Order'], 'purchase-order': ['PO number: 881', 'Ship to', 'Vendor', 'Requested delivery 05/05/2026', 'Please confirm this order', 'Send your invoice to accounts payable', 'Delivery address'],
    'contract.title': ['AGREEMENT', 'Service agreement', 'Contract', 'Lease agreement'], contract: ['The parties hereby agree', 'WHEREAS the customer', 'Governing law', 'Termination', 'Confidentiality', 'The supplier shall', 'Effective date: 1 May 2026', 'Invoices shall be paid within 30 days'],
    'letter.title': ['', 'Reminder', 'Subject: your enquiry'], letter: ['Dear Ms Example', 'Kind regards', 'Yours sincerely', 'Thank you for your letter', 'we refer to our invoice 4711', 'regarding your contract', 'We look forward to hearing from you', 'Enclosed you will find the invoice'],
    'form.title': ['Application form', 'REGISTRATION FORM', 'Claim form'], form: ['Please complete in capitals', 'Date of birth', 'Signature of the applicant', 'For office use only', 'Tick where applicable', 'Form no. 12', 'Please print'],
    'other.title': ['Delivery note', 'Annual report', 'Price list', 'Account statement', 'Newsletter', 'User manual'], other: ['Chapter 1', 'The quick brown fox', 'Packages 3', 'Opening balance', 'Our opening hours', 'Press the button', 'Table of contents', 'Order number 881'],
    money: ['Subtotal 100.00', 'VAT 19.00', 'Total 119.00', 'Unit price 50.00', 'Qty 2', 'IBAN DE02120300000000202051', 'Discount 0.00'], order: ['Purchase order: 881', 'Your order 881', 'Ship to', 'Delivery address'],
  },
  de: {
    'invoice.title': ['RECHNUNG', 'Rechnung Nr. 4711', 'Rechnung', 'Abschlagsrechnung'], invoice: ['Rechnungsnummer: 4711', 'Rechnungs-Nr. 4711', 'Rechnungsdatum 01.02.2026', 'Zahlbar bis 01.03.2026', 'Fällig am 01.03.2026', 'Rechnungsbetrag 119,00', 'Bitte überweisen Sie den Betrag'],
    'credit-note.title': ['GUTSCHRIFT', 'Rechnungskorrektur', 'Stornorechnung'], 'credit-note': ['zu Rechnung 4711', 'Ursprüngliche Rechnungsnummer 4711', 'Der Betrag wird erstattet', 'Grund: Rücksendung'],
    'receipt.title': ['Quittung', 'KASSENBON', 'Beleg', ''], receipt: ['Bar 50,00', 'Rückgeld 3,20', 'Gegeben 50,00', 'EC-Karte girocard', 'Kasse 3 Bon 171', 'Es bediente Sie Kassierer 4', 'Vielen Dank für Ihren Einkauf', 'Kartenzahlung'],
    'purchase-order.title': ['BESTELLUNG', 'Bestellung Nr. 881', 'Auftrag'], 'purchase-order': ['Bestellnummer 881', 'Liefertermin 05.05.2026', 'Lieferant', 'Bitte bestätigen Sie den Auftrag', 'Lieferanschrift', 'Rechnung an die Buchhaltung'],
    'contract.title': ['VERTRAG', 'Mietvertrag', 'Dienstleistungsvertrag', 'Rahmenvertrag'], contract: ['Die Vertragsparteien vereinbaren', 'Kündigung', 'Gerichtsstand ist', '§ 1 Gegenstand des Vertrags', 'Vertraulichkeit', 'Rechnungen sind binnen 30 Tagen fällig'],
    'letter.title': ['', 'Betreff: Ihre Anfrage', 'Mahnung'], letter: ['Sehr geehrte Frau Beispiel', 'Mit freundlichen Grüßen', 'vielen Dank für Ihr Schreiben', 'unsere Rechnung 4711', 'Ihr Vertrag', 'Anbei erhalten Sie die Rechnung'],
    'form.title': ['Antrag', 'FORMULAR', 'Anmeldeformular'], form: ['Bitte ausfüllen', 'Geburtsdatum', 'Unterschrift', 'Zutreffendes bitte ankreuzen', 'Vom Amt auszufüllen', 'Formular Nr. 12'],
    'other.title': ['Lieferschein', 'Preisliste', 'Kontoauszug', 'Jahresbericht', 'Bedienungsanleitung', 'Angebot'], other: ['Kapitel 1', 'Pakete 3', 'Alter Saldo', 'Unsere Öffnungszeiten', 'Inhaltsverzeichnis', 'Bestellnummer 881'],
    money: ['Zwischensumme 100,00', 'MwSt. 19,00', 'USt 19 %', 'Gesamtbetrag 119,00', 'Einzelpreis 50,00', 'Menge 2', 'IBAN DE02120300000000202051', 'Rabatt 0,00'], order: ['Bestellnummer: 881', 'Ihre Bestellung 881', 'Lieferanschrift', 'Auftrag Nr. 881'],
  },
  fr: {
    'invoice.title': ['FACTURE', 'Facture N° 4711', 'Facture'], invoice: ['Date de facture 01/02/2026', 'Échéance 01/03/2026', 'Facturé à', 'Conditions de règlement 30 jours', 'Net à payer 119,00'],
    'credit-note.title': ['AVOIR', 'Facture d’avoir'], 'credit-note': ['sur facture 4711', 'Montant remboursé', 'Retour de marchandise'],
    'receipt.title': ['Ticket de caisse', 'TICKET', ''], receipt: ['Espèces 50,00', 'Rendu 3,20', 'Carte bancaire', 'Caisse 3', 'Merci de votre visite', 'Vous avez été servi par'],
    'purchase-order.title': ['BON DE COMMANDE', 'Commande N° 881'], 'purchase-order': ['Fournisseur', 'Date de livraison souhaitée', 'Adresse de livraison', 'Merci de confirmer la commande'],
    'contract.title': ['CONTRAT', 'Contrat de location'], contract: ['Les parties conviennent', 'Article 1', 'Résiliation', 'Droit applicable', 'Confidentialité'],
    'letter.title': ['', 'Objet : votre demande'], letter: ['Cher Monsieur', 'Cordialement', 'Veuillez agréer', 'votre facture 4711', 'Nous vous remercions'],
    'form.title': ['FORMULAIRE', 'Demande d’inscription'], form: ['Date de naissance', 'Signature du demandeur', 'À remplir en capitales', 'Cochez la case'],
    'other.title': ['Bon de livraison', 'Tarifs', 'Relevé de compte', 'Devis', 'Rapport annuel'], other: ['Chapitre 1', 'Colis 3', 'Solde', 'Nos horaires', 'Commande 881'],
    money: ['Total HT 100,00', 'TVA 20 % 20,00', 'Total TTC 120,00', 'Prix unitaire 50,00', 'Qté 2', 'IBAN FR1420041010050500013M02606'], order: ['Commande N° 881', 'Adresse de livraison', 'Bon de commande 881'],
  },
  es: {
    'invoice.title': ['FACTURA', 'Factura nº 4711'], invoice: ['Fecha de factura 01/02/2026', 'Vencimiento 01/03/2026', 'Forma de pago'], 'credit-note.title': ['Factura rectificativa', 'NOTA DE CRÉDITO', 'Abono'], 'credit-note': ['factura original 4711', 'importe devuelto'],
    'receipt.title': ['TICKET', 'Recibo', ''], receipt: ['Efectivo 50,00', 'Cambio 3,20', 'Tarjeta VISA', 'Gracias por su visita', 'Caja 3'], 'purchase-order.title': ['PEDIDO', 'Orden de compra'], 'purchase-order': ['Proveedor', 'Fecha de entrega', 'Dirección de entrega'],
    'contract.title': ['CONTRATO'], contract: ['Las partes acuerdan', 'Rescisión', 'Confidencialidad'], 'letter.title': ['', 'Asunto: su consulta'], letter: ['Estimada señora', 'Atentamente', 'Un cordial saludo', 'su factura 4711'],
    'form.title': ['FORMULARIO', 'Solicitud'], form: ['Fecha de nacimiento', 'Firma del solicitante', 'Marque con una cruz'], 'other.title': ['Albarán', 'Presupuesto', 'Lista de precios'], other: ['Capítulo 1', 'Bultos 3', 'Horario'],
    money: ['Base imponible 100,00', 'IVA 21 %', 'Total 121,00', 'Precio 50,00', 'IBAN ES9121000418450200051332'], order: ['Pedido 881', 'Dirección de entrega'],
  },
  it: {
    'invoice.title': ['FATTURA', 'Fattura n. 4711'], invoice: ['Data fattura 01/02/2026', 'Scadenza 01/03/2026', 'Modalità di pagamento'], 'credit-note.title': ['NOTA DI CREDITO'], 'credit-note': ['rif. fattura 4711', 'importo rimborsato'],
    'receipt.title': ['Scontrino', 'Ricevuta', ''], receipt: ['Contanti 50,00', 'Resto 3,20', 'Carta di credito', 'Grazie e arrivederci', 'Cassa 3'], 'purchase-order.title': ['ORDINE', 'Ordine di acquisto'], 'purchase-order': ['Fornitore', 'Data di consegna', 'Indirizzo di consegna'],
    'contract.title': ['CONTRATTO'], contract: ['Le parti convengono', 'Recesso', 'Foro competente'], 'letter.title': ['', 'Oggetto: la Sua richiesta'], letter: ['Gentile signora', 'Cordiali saluti', 'la fattura 4711'],
    'form.title': ['MODULO', 'Domanda'], form: ['Data di nascita', 'Firma del richiedente', 'Barrare la casella'], 'other.title': ['Documento di trasporto', 'Preventivo', 'Listino prezzi'], other: ['Capitolo 1', 'Colli 3', 'Orari'],
    money: ['Imponibile 100,00', 'IVA 22 %', 'Totale 122,00', 'Prezzo 50,00', 'IBAN IT60X0542811101000000123456'], order: ['Ordine 881', 'Indirizzo di consegna'],
  },
  nl: {
    'invoice.title': ['FACTUUR', 'Factuur 4711'], invoice: ['Factuurnummer 4711', 'Factuurdatum 01-02-2026', 'Vervaldatum 01-03-2026', 'Gelieve te betalen voor'], 'credit-note.title': ['CREDITNOTA', 'Creditfactuur'], 'credit-note': ['bij factuur 4711', 'bedrag wordt terugbetaald'],
    'receipt.title': ['Kassabon', 'Bon', ''], receipt: ['Contant 50,00', 'Wisselgeld 3,20', 'PIN betaling', 'Kassa 3', 'Bedankt en tot ziens'], 'purchase-order.title': ['INKOOPORDER', 'Bestelling'], 'purchase-order': ['Leverancier', 'Gewenste leverdatum', 'Afleveradres'],
    'contract.title': ['OVEREENKOMST', 'Contract'], contract: ['Partijen komen overeen', 'Opzegging', 'Toepasselijk recht'], 'letter.title': ['', 'Betreft: uw vraag'], letter: ['Geachte mevrouw', 'Met vriendelijke groet', 'uw factuur 4711'],
    'form.title': ['FORMULIER', 'Aanvraagformulier'], form: ['Geboortedatum', 'Handtekening aanvrager', 'Aankruisen wat van toepassing is'], 'other.title': ['Pakbon', 'Offerte', 'Prijslijst'], other: ['Hoofdstuk 1', 'Pakketten 3', 'Openingstijden'],
    money: ['Subtotaal 100,00', 'Btw 21 %', 'Totaal 121,00', 'Prijs 50,00', 'IBAN NL91ABNA0417164300'], order: ['Bestelnummer 881', 'Afleveradres'],
  },
}

/** What stands in documents of a type beside its own words, and how often. */
const beside: { readonly [type in DocumentType]: Readonly<Record<string, number>> } = {
  invoice: { money: 0.7, order: 0.3, letter: 0.12, receipt: 0.03 },
  'credit-note': { money: 0.7, order: 0.15, invoice: 0.25, letter: 0.08 },
  receipt: { money: 0.4, invoice: 0.06 },
  'purchase-order': { money: 0.5, invoice: 0.06, letter: 0.08 },
  contract: { money: 0.06, form: 0.06, letter: 0.04 },
  letter: { invoice: 0.06, money: 0.05, contract: 0.05 },
  form: { money: 0.05, letter: 0.04, contract: 0.04 },
  other: { money: 0.2, order: 0.1, letter: 0.04 },
}
/** Of its own words. */
const ownShare = 0.45

/** The same documents on every run; `count` of each type. */
export function generateDocuments(seed: number, count: number): TypedDocument[] {
  const random = createRandom(seed)
  const chance = (share: number): boolean => random.integer(0, 999) < share * 1000
  return (Object.keys(beside) as DocumentType[]).flatMap((type) => Array.from({ length: count }, (_, n): TypedDocument => {
    const language = random.pick(Object.keys(phrases))
    const words = phrases[language]!
    const title = random.pick(words[`${type}.title`]!)
    const body = words[type]!.filter(() => chance(ownShare))
    const others = Object.entries(beside[type]).flatMap(([name, share]) => words[name]!.filter(() => chance(share)))
    const rows = ['Alder Works', 'Mill Lane 3', ...(title === '' ? [] : [title]), ...[...body, ...others].map((row) => ({ row, at: random.integer(0, 1e6) })).sort((a, b) => a.at - b.at).map(({ row }) => row)]
    return { id: `${type}-${n}`, type, text: textOf(rows, type === 'receipt' ? chance(0.9) : chance(0.01)) }
  }))
}

/** A sheet of two columns, or a strip of a till's paper. */
function textOf(rows: readonly string[], narrow: boolean): DocumentText {
  const width = narrow ? 200 : 595
  const lines = rows.map((text, n): TextLine => ({ text, box: { x: narrow ? 10 : n % 3 === 2 ? 400 : 60, y: 40 + 16 * n, width: Math.min(5 * text.length, width - 20), height: 10 }, confidence: 1 }))
  return { route: 'text-layer', language: 'en', pages: [{ number: 1, width, height: narrow ? 80 + 16 * rows.length : 842, lines }], quality: 1, issues: [], engine: 'generated', engineVersion: '1', dataVersion: '1' }
}
