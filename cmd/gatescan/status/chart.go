package status

import (
	"fmt"
	"strconv"
	"time"

	"gatescan/cmd/gatescan/counters"
)

// The chart, in units of its own: a phone shows about one pixel for each.
const (
	chartWidth, chartHeight = 360, 170
	plotLeft, plotRight     = 42, 356
	plotTop, plotBottom     = 8, 146
)

// chart is what became of frames in each hour of a day, as bars: refused on top of accepted.
type chart struct {
	Width, Height           int
	Left, Right, Bottom     int
	Bars                    []bar
	Lines                   []line
	Description             string
	LabelX, LabelY, HourY   int
	BarWidth                string
	Empty                   bool
	MiddleX, MiddleY, NowY1 int
}

// bar is one hour.
type bar struct {
	X                  string
	AcceptedY, Accept  string // top and height, empty for none
	RefusedY, Refuse   string
	Middle, Hour       string // of the hour below it, empty for no text
	Narrow             bool   // the text is there only if there is room
	Now                bool
	From, To           string
	Accepted, Refused  figure
	acceptedN, refuseN uint64
}

// line is a number at the side.
type line struct{ Y, Text string }

// newChart draws the hours of a day. Rows are those of the day, sorted.
func newChart(day *span, rows []row, now time.Time, mask func(running bool) mask) chart {
	ch := chart{
		Width: chartWidth, Height: chartHeight, Left: plotLeft, Right: plotRight, Bottom: plotBottom,
		LabelX: plotLeft - 5, HourY: plotBottom + 15, MiddleX: (plotLeft + plotRight) / 2, MiddleY: (plotTop + plotBottom) / 2,
		NowY1: plotBottom + 3,
	}
	var most uint64
	for from := day.from; from.Before(day.to); {
		_, to := counters.Hour(from, day.zone)
		b := bar{From: from.Format("15:04"), To: to.Format("15:04"), Now: !now.Before(from) && now.Before(to)}
		var counts Counts
		for i := range rows {
			if start := rows[i].Start; !start.Before(from) && start.Before(to) {
				counts.Add(&rows[i].Counts)
			}
		}
		m := mask(b.Now)
		b.Accepted, b.Refused = m.of(counts.Accepted), m.of(counts.Refused)
		b.acceptedN, b.refuseN = b.Accepted.n, b.Refused.n // what is not told is not drawn
		most = max(most, b.acceptedN+b.refuseN)
		if hour := from.Hour(); hour%3 == 0 && from.Minute() == 0 {
			b.Hour, b.Narrow = strconv.Itoa(hour), hour%6 != 0
		}
		ch.Bars = append(ch.Bars, b)
		from = to
	}
	ch.Empty = most == 0
	top := axis(most)
	ch.scale(top)
	ch.describe()
	return ch
}

// axis is the number at the top: 2, 4, 6, 8 or 10 times a power of ten, so that half of it is a whole number.
func axis(most uint64) uint64 {
	for power := uint64(1); power < 1e18; power *= 10 {
		for _, top := range []uint64{2, 4, 6, 8, 10} {
			if most <= top*power {
				return top * power
			}
		}
	}
	return most
}

// scale puts the bars where they belong.
func (ch *chart) scale(top uint64) {
	const height = plotBottom - plotTop
	y := func(n uint64) float64 { return plotBottom - float64(n)/float64(top)*height }
	step := float64(plotRight-plotLeft) / float64(len(ch.Bars))
	ch.BarWidth = decimal(step * .72)
	for i := range ch.Bars {
		b := &ch.Bars[i]
		left := plotLeft + step*float64(i)
		b.X, b.Middle = decimal(left+step*.14), decimal(left+step*.5)
		if b.acceptedN > 0 {
			b.AcceptedY, b.Accept = decimal(y(b.acceptedN)), decimal(plotBottom-y(b.acceptedN))
		}
		if b.refuseN > 0 {
			b.RefusedY, b.Refuse = decimal(y(b.acceptedN+b.refuseN)), decimal(y(b.acceptedN)-y(b.acceptedN+b.refuseN))
		}
	}
	if ch.Empty {
		return
	}
	for _, n := range []uint64{top / 2, top} {
		ch.Lines = append(ch.Lines, line{decimal(y(n)), figure{n: n}.String()})
	}
}

// describe says what one would see.
func (ch *chart) describe() {
	if ch.Empty {
		ch.Description = "There is no bar."
		return
	}
	var busiest *bar
	for i := range ch.Bars {
		if b := &ch.Bars[i]; busiest == nil || b.acceptedN+b.refuseN > busiest.acceptedN+busiest.refuseN {
			busiest = b
		}
	}
	ch.Description = fmt.Sprintf("Busiest from %s to %s: %s accepted, %s refused. The table below has every hour.",
		busiest.From, busiest.To, busiest.Accepted, busiest.Refused)
}

func decimal(f float64) string { return strconv.FormatFloat(f, 'f', 1, 64) }
