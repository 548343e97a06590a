// Package status is what venues and monitors read over HTTP. Nothing can be changed by it, and nothing of a holder is in
// it: there are counts by the hour and the state of the device.
//
//	/                      a page for people: today's passes and refusals, the state of gate, reader, clock and trust data
//	/api/v1/state          JSON, see below
//	/api/v1/counters       JSON, see below
//	/counters.csv          the same for a spreadsheet (RFC 4180, CRLF, a header row)
//	/metrics               for Prometheus; see families.go
//	/livez                 200 while every loop of the daemon makes progress
//	/readyz                200 while the gate lets a good pass through; no reason to start the daemon again if not
//
// Both of the last take ?verbose and then answer with a line for each check: [+] well, [-] not, [!] the gate goes on, but
// somebody should look after it.
//
// # Counters
//
// /api/v1/counters and /counters.csv take these parameters; any other is refused.
//
//	from     a day of the venue (2026-11-22) or an instant (RFC 3339); today if it is missing
//	to       a day, which is included, or an instant, which is not; the end of from's day if it is missing
//	bucket   hour (if it is missing) or day
//
// The time is widened to whole hours or days of the venue's clock, and is 400 days at most. The answer:
//
//	schema     1
//	from, to   what was answered, RFC 3339
//	zone       of the venue, an IANA name
//	bucket     hour or day
//	min_count  0, or below what a count is hidden
//	total      the sum of the rows
//	undated    what was counted while the clock was not believed, whenever that was; not there for nothing
//	rows       start, end and counts of each bucket in which something was counted, by time; and of the one that goes on
//
// A row, total and undated have these members:
//
//	running             true in a bucket that goes on
//	lost                true if a file that held this time was damaged, so that there may have been more
//	accepted, refused   frames
//	accepted_by_kind    an object: v, t, r, p; a kind without a pass is not there
//	refused_by_reason   an object by the words of verify.Reason; a reason without a refusal is not there
//	granted             times that the turnstile was opened
//	passages            of these, followed by a passage
//	not_entered         of these, not followed by a passage in time
//	unexpected          passages without a grant
//	back                passages in the other direction
//
// With a min_count N a count below N is null ("<N" in the CSV), and any other is rounded down to a multiple of N. Only in a
// bucket that is over is 0 told as 0. The total is then that of what the rows tell, and so at least what it says.
//
// The CSV has the same as columns, and the gate's name: gate, start, end, undated, running, lost, accepted, refused, granted,
// passages, not_entered, unexpected, back, accepted_v and so on, refused_internal and so on. A program should read
// columns by their names: new reasons stand between the old ones.
//
// # State
//
// /api/v1/state answers a [Snapshot] with the members schema, min_count and totals (counts as in a row, since the daemon
// began). A time that never was is not there.
//
// # Mistakes
//
// What cannot be answered has a code of HTTP and, below /api/, the JSON object {"error": what, "hint": what to do}.
//
// Members are only ever added to an answer of schema 1; a program should pass over those that it does not know.
//
// # Who may read
//
// On loopback and on a unix socket whoever can connect, unless there are tokens. Beyond the device only HTTPS with a token
// is served: as Authorization: Bearer, or as the password of any user in a browser.
//
// A token with the word "venue" before it in the token file does not read the metrics, which hide no small counts. It gets
// kinds and reasons only of hours that are over: in a row with running, in undated and in the totals of the state they are
// null (empty in the CSV). Its min_count is the larger one of status.min_count and status.venue_min_count. So who watches a
// lane and reads its counters does not learn who is recovered or revoked.
//
// # Strangers
//
// A request that is refused ends its connection. There are 64 places for connections, and 16 for those of one host. While
// half of the places are taken, a connection without a request ends after 2 seconds; when all are, the next one takes the
// place of the oldest without a request. Eight requests are answered at once, four of one client. Wrong tokens are counted by
// client, and answered with 429 after the tenth in a minute; the right token is served at any time. Behind a proxy that
// status.proxies names, the client is the last address in X-Forwarded-For that is not one of a proxy.
package status
