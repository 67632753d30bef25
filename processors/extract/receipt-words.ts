/** What words on receipts mean, in several languages: no word here names a company. */
import { WordClasses } from './misread.ts'

/** Words beside amounts. */
export const amountWords = new WordClasses({
  total: ['total', 'totals', 'ttl', 'jumlah', 'gesamt', 'gesamtbetrag', 'summe', 'endbetrag', 'totaal', 'totale', 'importe', 'suma', 'somme', 'totalsales'],
  grand: ['grand', 'nett', 'final', 'bill', 'invoice', 'facture', 'rechnungsbetrag', 'bruttobetrag'],
  sub: ['sub', 'subtotal', 'subtot', 'zwischensumme', 'subtotaal', 'soustotal', 'subtotale', 'sousttotal'],
  amount: ['amount', 'amt', 'betrag', 'montant', 'bedrag', 'importo'],
  net: ['net', 'netto'],
  sales: ['sales', 'sale', 'jualan'],
  due: ['due', 'payable', 'pay', 'zahlen', 'zahlbetrag', 'payer', 'betalen', 'balance', 'bayar'],
  rounded: ['rounded', 'roundd', 'aftrounding'],
  rounding: ['rounding', 'round', 'rndg', 'pembundaran', 'adjustment', 'adj', 'rundung', 'arrondi', 'penggenapan'],
  cash: ['cash', 'tunai', 'bar', 'bargeld', 'especes', 'espece', 'contant', 'contanti', 'efectivo'],
  tendered: ['tendered', 'tender', 'tend', 'paid', 'payment', 'received', 'gegeben', 'recu', 'paymode'],
  card: ['visa', 'master', 'mastercard', 'card', 'debit', 'credit', 'amex', 'mydebit', 'karte', 'kreditkarte', 'carte', 'girocard', 'maestro', 'edc'],
  change: ['change', 'baki', 'ruckgeld', 'wechselgeld', 'rendu', 'monnaie', 'wisselgeld', 'resto', 'cambio', 'kembali', 'kembalian'],
  tax: ['tax', 'gst', 'vat', 'sst', 'mwst', 'ust', 'tva', 'btw', 'iva', 'cukai', 'gsttax', 'govtax', 'salestax', 'servicetax', 'steuer', 'ppn', 'pajak', 'pb1'],
  excluding: ['excl', 'excluding', 'exclusive', 'exc', 'before', 'exkl', 'ohne', 'hors', 'zzgl', 'excluded', 'ht'],
  including: ['incl', 'including', 'inclusive', 'inc', 'inkl', 'included', 'includes', 'ttc', 'after', 'with'],
  discount: ['discount', 'disc', 'diskaun', 'rabatt', 'remise', 'korting', 'sconto', 'saving', 'savings', 'saved', 'jimat', 'rebate', 'voucher', 'diskon', 'potongan'],
  count: ['qty', 'quantity', 'item', 'items', 'count', 'pcs', 'kuantiti', 'menge', 'anzahl', 'articles', 'pax', 'unit'],
  price: ['price', 'harga', 'preis', 'prix', 'prijs', 'sprice', 'uprice', 'rate'],
  summary: ['summary', 'ringkasan', 'analysis', 'code'],
  service: ['service', 'svc', 'servis', 'bedienung', 'charge', 'chg', 'tip', 'deposit', 'delivery'],
  points: ['points', 'point', 'member', 'card no', 'mata', 'stars'],
  number: ['no', 'tel', 'fax', 'ref', 'reg', 'id', 'trans', 'slip', 'receipt', 'terminal', 'approval', 'trace', 'table', 'order'],
  currency: ['rm', 'myr', 'eur', 'euro', 'usd', 'gbp', 'chf', 'sgd', 'dh', 'mad', 'inr', 'rs', 'idr'],
})

/** Words of a receipt's head. */
export const headWords = new WordClasses({
  legal: ['sdn', 'bhd', 'berhad', 'ltd', 'limited', 'plc', 'llc', 'llp', 'inc', 'corp', 'corporation', 'gmbh', 'kg', 'ohg', 'ug', 'sarl', 'sas', 'bv', 'nv', 'srl', 'spa', 'pty', 'pvt', 'pte', 'plt', 'oy', 'ab', 'aps', 'co', 'company', 'group', 'holdings'],
  business: [
    'enterprise', 'trading', 'restaurant', 'restoran', 'stationery', 'hardware', 'mart', 'supermarket', 'market', 'hypermarket', 'minimarket', 'store', 'stores', 'shop', 'cafe', 'hotel', 'bakery', 'bakeries',
    'pharmacy', 'farmasi', 'books', 'bookshop', 'book', 'machinery', 'electrical', 'electronic', 'electronics', 'services', 'service', 'industries', 'industrial', 'resources', 'kitchen', 'bistro', 'bar', 'grill',
    'perniagaan', 'syarikat', 'kedai', 'pasaraya', 'makan', 'kopitiam', 'station', 'petrol', 'motor', 'auto', 'optical', 'clinic', 'klinik', 'medical', 'dental', 'health', 'healthcare', 'beauty', 'fashion', 'boutique', 'gallery',
    'international', 'malaysia', 'marketing', 'distributor', 'distribution', 'supply', 'supplies', 'food', 'foods', 'seafood', 'house', 'home', 'garden', 'centre', 'center', 'village', 'corner', 'brothers', 'sons', 'confectionery',
    'backerei', 'metzgerei', 'apotheke', 'gasthaus', 'boulangerie', 'pharmacie', 'magasin', 'winkel', 'ristorante', 'farmacia', 'supermercado', 'tienda', 'parking', 'laundry', 'salon', 'saloon', 'toys', 'sport', 'sports', 'tools', 'paint', 'glass', 'frozen', 'fresh', 'coffee', 'tea', 'pizza', 'noodle', 'chicken', 'burger',
  ],
  street: [
    'jalan', 'jln', 'jl', 'lorong', 'lrg', 'persiaran', 'lebuh', 'lebuhraya', 'lintang', 'solok', 'off', 'street', 'st', 'road', 'rd', 'avenue', 'ave', 'lane', 'drive', 'boulevard', 'highway', 'square', 'strasse', 'str', 'weg', 'platz', 'allee', 'rue', 'straat', 'via', 'calle', 'piazza', 'autoroute', 'batu', 'simpang',
  ],
  area: [
    'taman', 'tmn', 'bandar', 'bdr', 'kawasan', 'perindustrian', 'seksyen', 'section', 'sek', 'kampung', 'kg', 'desa', 'pusat', 'perniagaan', 'komersial', 'perdagangan', 'bukit', 'sungai', 'sg', 'ulu', 'mukim', 'kota', 'plaza', 'mall', 'wisma', 'menara', 'kompleks', 'complex', 'bangunan', 'building', 'tower',
    'floor', 'flr', 'tingkat', 'level', 'ground', 'aras', 'block', 'blok', 'lot', 'unit', 'suite', 'estate', 'industrial', 'park', 'city', 'town', 'uptown', 'centre', 'center', 'shopping', 'sentral', 'raya', 'indah', 'jaya', 'utama', 'baru', 'heights', 'gate', 'airport', 'terminal', 'baharu', 'ehsan', 'darul', 'takzim',
  ],
  place: [
    'selangor', 'johor', 'bahru', 'kuala', 'lumpur', 'kl', 'penang', 'pulau', 'pinang', 'perak', 'pahang', 'kedah', 'kelantan', 'terengganu', 'melaka', 'malacca', 'negeri', 'sembilan', 'perlis', 'sabah', 'sarawak', 'putrajaya', 'labuan', 'wilayah', 'persekutuan', 'malaysia', 'singapore', 'ipoh', 'seremban', 'klang', 'petaling', 'kajang',
    'cheras', 'ampang', 'puchong', 'subang', 'shah', 'alam', 'rawang', 'serdang', 'kembangan', 'skudai', 'masai', 'kulai', 'kuching', 'kota', 'kinabalu', 'muar', 'georgetown', 'germany', 'deutschland', 'france', 'kingdom', 'london', 'berlin', 'paris', 'india', 'indonesia', 'thailand', 'usa', 'canada', 'australia', 'morocco', 'maroc', 'jakarta', 'bandung', 'surabaya', 'denpasar', 'tangerang', 'bekasi', 'bogor', 'depok', 'medan', 'semarang', 'yogyakarta', 'makassar',
  ],
  contact: ['tel', 'telephone', 'telefon', 'phone', 'fax', 'hp', 'mobile', 'email', 'mail', 'www', 'http', 'website', 'facebook', 'hotline', 'contact', 'careline', 'telp'],
  registration: ['gst', 'vat', 'sst', 'reg', 'regn', 'roc', 'rob', 'registration', 'uen', 'brn', 'id', 'siret', 'siren', 'uid', 'steuernummer', 'ustid', 'ice', 'gstin', 'reg no', 'lesen', 'licence', 'license'],
  title: ['invoice', 'receipt', 'bill', 'quittung', 'rechnung', 'facture', 'resit', 'simplified', 'cash', 'tax', 'copy', 'original', 'reprint', 'ticket', 'official', 'kassenbon', 'beleg', 'bon', 'sales', 'guest', 'check', 'order', 'delivery'],
  meta: ['date', 'time', 'cashier', 'table', 'pos', 'counter', 'operator', 'terminal', 'document', 'doc', 'trans', 'slip', 'station', 'server', 'pax', 'salesperson', 'member', 'till', 'user', 'tarikh', 'masa', 'datum', 'kasse', 'uhrzeit', 'heure', 'clerk', 'staff', 'printed', 'waiter', 'customer', 'ref', 'page'],
  items: ['item', 'items', 'description', 'qty', 'price', 'amount', 'total', 'code', 'disc', 'menge', 'artikel', 'designation', 'particulars', 'subtotal'],
  policy: ['goods', 'sold', 'returnable', 'refundable', 'exchange', 'exchangeable', 'thank', 'thanks', 'again', 'please', 'come', 'visit', 'welcome', 'keep', 'closed', 'signature', 'sign', 'vielen', 'dank', 'merci', 'terima', 'kasih'],
  formerly: ['formerly', 'known', 'licensee', 'managed', 'operated', 'owned', 'franchisee', 'dimiliki', 'oleh'],
})

export type HeadWord = NonNullable<ReturnType<typeof headWords.of>>
export type AmountWord = NonNullable<ReturnType<typeof amountWords.of>>
