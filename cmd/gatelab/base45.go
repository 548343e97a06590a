package main

// base45Alphabet is RFC 9285 section 4.2, table 1; it is also the alphabet of a QR code's alphanumeric mode.
const base45Alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"

// encodeBase45 writes data as RFC 9285 does: two bytes as three characters, a last single byte as two, the least
// significant character first.
func encodeBase45(data []byte) string {
	text := make([]byte, 0, (len(data)+1)/2*3)
	for ; len(data) >= 2; data = data[2:] {
		n := int(data[0])<<8 | int(data[1])
		text = append(text, base45Alphabet[n%45], base45Alphabet[n/45%45], base45Alphabet[n/2025])
	}
	if len(data) == 1 {
		n := int(data[0])
		text = append(text, base45Alphabet[n%45], base45Alphabet[n/45])
	}
	return string(text)
}
