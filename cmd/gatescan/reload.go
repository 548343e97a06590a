package main

import (
	"time"

	"gatescan/cmd/gatescan/gate"
	"gatescan/verify"
)

// fixed is what a daemon opens once.
type fixed struct {
	outputs   outputsConfig
	inputs    inputsConfig
	daemon    daemonConfig
	counters  countersConfig
	direction string
	store     string // of trust data
	clock     string // file
	address   string // of the status server
}

func (c *config) fixed() fixed {
	return fixed{
		c.Outputs, c.Inputs, c.Daemon, c.Counters, c.Turnstile.Direction, c.Trust.Store, c.Clock.File, c.Status.Address,
	}
}

// fix puts back what cannot change.
func (c *config) fix(f fixed) {
	c.Outputs, c.Inputs, c.Daemon, c.Counters = f.outputs, f.inputs, f.daemon, f.counters
	c.Turnstile.Direction, c.Trust.Store, c.Clock.File, c.Status.Address = f.direction, f.store, f.clock, f.address
}

// apply puts a configuration into force, but for the reader and the trust data, and for what is opened once.
func (d *daemon) apply(c config) {
	if now := d.config.fixed(); c.fixed() != now {
		d.log.Warn("other outputs, inputs, daemon settings, counters, files for trust and clock, another direction and another " +
			"address of the status server are in force only after a restart")
		c.fix(now)
	}
	d.config = c
	d.inForce.Store(&c)
	if err := d.status.Configure(c.status); err != nil {
		d.log.Error("the status server goes on as it was", "err", err)
	}
	verify.SetTableMemory(c.Memory.tables())
	policy := c.policy()
	d.gate.SetPolicy(policy)
	mode, _ := gate.ParseMode(c.Turnstile.Mode) // one that the configuration was checked for
	d.gate.SetMode(mode)
	if policy.Tolerate != 0 {
		d.log.Warn("passes that deviate from the specification are let through", "tolerated", toleranceNames(policy.Tolerate))
	}
	for _, warning := range c.warnings() {
		d.log.Warn(warning.text, "key", warning.key)
	}
	d.gate.SetWindows(c.Reader.away(), time.Duration(c.Policy.RepeatWindow), time.Duration(c.Rules.Window))
	d.turnstile.Configure(c.turnstile())
	d.clock.Reconfigure(c.Clock.Require, time.Duration(c.Clock.Hold), time.Duration(c.Clock.MaxForward))
}
