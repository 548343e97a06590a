package main

import "gatescan/verify"

// memoryConfig bounds what speed may cost in memory.
type memoryConfig struct {
	Tables int `toml:"tables"` // MiB
}

// maxTables is the largest memory.tables, in MiB: more than the widest tables of some hundred keys take.
const maxTables = 256

func defaultMemory() memoryConfig { return memoryConfig{Tables: verify.DefaultTableMemory >> 20} }

// tables returns memory.tables in bytes.
func (m memoryConfig) tables() int64 { return int64(m.Tables) << 20 }
