//go:build race

package certlogic

const raceEnabled = true
