package passtest

import "fmt"

// Codes of the DCC value sets: types and results of a test.
const (
	NAAT, Antigen         = "LP6464-4", "LP217198-3"
	NotDetected, Detected = "260415000", "260373001"
)

// DCC returns the payload of a pass of that holder, with one entry.
func DCC(name, entry string) string {
	return fmt.Sprintf(`{"ver":"1.3.0","nam":{"fnt":%q,"gnt":"A"},"dob":"1980-01-01",%s}`, name, entry)
}

// Vaccinated returns the entry of dose dn of sd, given on that date.
func Vaccinated(dn, sd int, date string) string {
	return fmt.Sprintf(`"v":[{"tg":"840539006","mp":"EU/1/20/1528","dn":%d,"sd":%d,"dt":%q,"co":"FR","ci":"URN:UVCI:01:FR:1"}]`, dn, sd, date)
}

// Tested returns the entry of a test of that type and result, whose sample was taken at that time.
func Tested(kind, result, sampled string) string {
	return fmt.Sprintf(`"t":[{"tg":"840539006","tt":%q,"tr":%q,"sc":%q,"co":"FR","ci":"URN:UVCI:01:FR:2"}]`, kind, result, sampled)
}

// Recovered returns the entry of a recovery with its first positive test on that date.
func Recovered(first string) string {
	return fmt.Sprintf(`"r":[{"tg":"840539006","fr":%q,"df":"2021-01-01","du":"2030-01-01","co":"FR","ci":"URN:UVCI:01:FR:3"}]`, first)
}
