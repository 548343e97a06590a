package module

import "time"

// Freeze makes it do nothing until it is thawed.
func (m *Module) Freeze(frozen bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.frozen = frozen
}

// SetPower takes its power, without unplugging it, or gives it back: on a UART the host cannot see that.
func (m *Module) SetPower(on bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dead = !on
	if on {
		m.is.powerOn()
		m.booting = time.Now().Add(bootTime)
	}
}

// SetSilent makes it read, but not answer, or answer again.
func (m *Module) SetSilent(silent bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.o.Silent = silent
}

// ReadNothing has it send message, as a module does that is set to report that it has read nothing.
func (m *Module) ReadNothing(message string) error {
	m.mu.Lock()
	if !m.works() {
		m.mu.Unlock()
		return ErrNotRead
	}
	parts, w := m.is.message(message), m.wire
	m.mu.Unlock()
	return m.transmitAll(w, parts)
}

// Babble sends b again and again without a pause until stop is closed, as a module does that is broken, or whose line is.
func (m *Module) Babble(b []byte, stop <-chan struct{}) error {
	m.mu.Lock()
	w := m.wire
	m.mu.Unlock()
	if w == nil {
		return errUnplugged
	}
	for {
		select {
		case <-stop:
			return nil
		case <-time.After(time.Millisecond):
		}
		if err := m.send(w, b); err != nil {
			return err
		}
	}
}
