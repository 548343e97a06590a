//go:build race

package gpio

const raceEnabled = true
