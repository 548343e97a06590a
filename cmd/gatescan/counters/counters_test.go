package counters

import (
	"sync"
	"testing"

	"gatescan/verify"
)

func TestCounters(t *testing.T) {
	var c Counters
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 1000 {
				c.Add(verify.Vaccination, verify.Accepted)
				c.Add(verify.NoKind, verify.BadBase45)
				c.Add(verify.Test, verify.Expired)
			}
		})
	}
	wg.Wait()
	c.Add(200, 200) // what does not exist is counted as an internal refusal, not lost
	if accepted, refused := c.Totals(); accepted != 4000 || refused != 8001 {
		t.Errorf("%d accepted, %d refused", accepted, refused)
	}
	if n := c.n[verify.Test][verify.Expired].Load(); n != 4000 {
		t.Errorf("%d expired tests", n)
	}
	if n := c.n[verify.NoKind][verify.Internal].Load(); n != 1 {
		t.Errorf("%d internal", n)
	}
	c.AddTolerated(verify.NoPrefix | verify.AlgUnprotected)
	c.AddTolerated(verify.NoPrefix)
	c.AddTolerated(0)
	if p, a, all := c.Tolerated(verify.NoPrefix), c.Tolerated(verify.AlgUnprotected), c.Tolerated(verify.TolerateAll); p != 2 || a != 1 || all != 3 {
		t.Errorf("tolerated %d, %d, in all %d", p, a, all)
	}
	for _, f := range []verify.Family{verify.RailTicket, verify.RailTicket, verify.UnknownFamily, verify.NoFamily, 200} {
		c.AddFamily(f)
	}
	if n := c.Families(); n != [verify.NumFamilies]uint64{verify.RailTicket: 2, verify.UnknownFamily: 1} {
		t.Errorf("families %v", n)
	}
	if n := testing.AllocsPerRun(100, func() { c.Add(verify.Recovery, verify.Accepted) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
