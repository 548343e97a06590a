package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"image/png"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/makiuchi-d/gozxing/qrcode/decoder"
)

type qrSample struct {
	File string `json:"file"`
	Text string `json:"text"`
}

func qrSamples(t testing.TB) []qrSample {
	t.Helper()
	var samples []qrSample
	if err := json.Unmarshal(readFile(t, "testdata/qr-samples/index.json"), &samples); err != nil {
		t.Fatal(err)
	}
	if len(samples) != 10 {
		t.Fatalf("%d samples, want 10", len(samples))
	}
	return samples
}

func TestDecodeQRSamples(t *testing.T) {
	for _, s := range qrSamples(t) {
		t.Run(s.File, func(t *testing.T) {
			text, err := decodeQR(bytes.NewReader(readFile(t, filepath.Join("testdata/qr-samples", s.File))))
			if err != nil {
				t.Fatal(err)
			}
			if text != s.Text {
				t.Errorf("\n got %s\nwant %s", text, s.Text)
			}
		})
	}
}

func TestQRRoundTrip(t *testing.T) {
	for _, s := range qrSamples(t) {
		img, level, err := encodeQR(s.Text)
		if err != nil {
			t.Fatal(err)
		}
		if level != decoder.ErrorCorrectionLevel_Q {
			t.Errorf("%s: level %v, want Q", s.File, level)
		}
		text, err := decodeQR(bytes.NewReader(pngOf(t, img)))
		if err != nil || text != s.Text {
			t.Errorf("%s: %v, got %s", s.File, err, text)
		}
	}
}

func TestDecodeQRDisguised(t *testing.T) {
	want := qrSamples(t)[0].Text
	img, _, err := encodeQR(want)
	if err != nil {
		t.Fatal(err)
	}
	for how, picture := range map[string][]byte{
		"jpeg": jpegOf(t, img), "negative": pngOf(t, negative(img)),
		"without margin": pngOf(t, cropped(img)), "on glass": pngOf(t, transparent(img)),
	} {
		text, err := decodeQR(bytes.NewReader(picture))
		if err != nil || text != want {
			t.Errorf("%s: %v, got %s", how, err, text)
		}
	}
}

// What a screen or a camera makes of a symbol: modules of a few pixels and a bit, askew.
func TestDecodeQRSmall(t *testing.T) {
	for _, tt := range []struct {
		module, degrees float64
		sample          int
		faded           bool
	}{
		{1.5, 0, 0, false},
		{1.8, 3, 0, false},
		{2, 20, 0, false},
		{2.5, 3, 0, false},
		{2.5, 20, 0, false},
		{3, 20, 0, false},
		{4.3, 0, 0, false},
		{4.3, 45, 0, false},
		{1.8, 3, 2, true}, // local thresholds fail here
	} {
		t.Run(fmt.Sprintf("module %.1f, %.0f degrees, sample %d", tt.module, tt.degrees, tt.sample), func(t *testing.T) {
			want := qrSamples(t)[tt.sample].Text
			img, _, err := encodeQR(want)
			if err != nil {
				t.Fatal(err)
			}
			small := resampled(img, tt.module/qrModuleSize, tt.degrees)
			if tt.faded {
				for i, gray := range small.Pix {
					small.Pix[i] = 100 + gray/2
				}
			}
			text, err := decodeQR(bytes.NewReader(pngOf(t, small)))
			if err != nil || text != want {
				t.Errorf("%v, got %s", err, text)
			}
		})
	}
}

// The capacities are those of ISO/IEC 18004 table 7 for alphanumeric mode; any other mode would need a larger symbol.
func TestQRSize(t *testing.T) {
	for _, tt := range []struct {
		chars   int
		level   decoder.ErrorCorrectionLevel
		version int
	}{
		{470, decoder.ErrorCorrectionLevel_Q, 16},
		{471, decoder.ErrorCorrectionLevel_Q, 17},
		{500, decoder.ErrorCorrectionLevel_Q, 17},
		{531, decoder.ErrorCorrectionLevel_Q, 17},
		{532, decoder.ErrorCorrectionLevel_Q, 18},
		{2420, decoder.ErrorCorrectionLevel_Q, 40},
		{2421, decoder.ErrorCorrectionLevel_M, 34},
		{3391, decoder.ErrorCorrectionLevel_M, 40},
		{3392, decoder.ErrorCorrectionLevel_L, 36},
		{4296, decoder.ErrorCorrectionLevel_L, 40},
	} {
		t.Run(fmt.Sprint(tt.chars), func(t *testing.T) {
			text := alphanumeric(tt.chars)
			img, level, err := encodeQR(text)
			if err != nil {
				t.Fatal(err)
			}
			if level != tt.level {
				t.Errorf("level %v, want %v", level, tt.level)
			}
			// 17+4v modules a side, a quiet zone of 4 on each, 6 pixels a module.
			if got, want := img.Bounds(), (17+4*tt.version+8)*6; got.Dx() != want || got.Dy() != want {
				t.Errorf("%v, want a side of %d for version %d", got, want, tt.version)
			}
			back, err := decodeQR(bytes.NewReader(pngOf(t, img)))
			if err != nil || back != text {
				t.Errorf("came back as %q, %v", back, err)
			}
		})
	}
}

func TestEncodeQRRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"empty":       "",
		"lower case":  "HC1:abc",
		"line feed":   "HC1:ABC\n",
		"not ASCII":   "HC1:Ä",
		"not Unicode": "HC1:\xff",
		"too long":    alphanumeric(4297),
	} {
		if _, level, err := encodeQR(text); err == nil {
			t.Errorf("%s: drawn at level %v", name, level)
		}
	}
}

func TestDecodeQRRefuses(t *testing.T) {
	blank := image.NewGray(image.Rect(0, 0, 300, 300))
	img, _, err := encodeQR("HC1:TEST")
	if err != nil {
		t.Fatal(err)
	}
	whole := pngOf(t, img)
	for _, tt := range []struct {
		name    string
		picture []byte
		want    string
	}{
		{"nothing", nil, "not a PNG or JPEG"},
		{"text", []byte("HC1:TEST"), "not a PNG or JPEG"},
		{"GIF", []byte("GIF89a\x01\x00\x01\x00\x00\x00\x00;"), "not a PNG or JPEG"},
		{"cut short", whole[:len(whole)/2], "damaged"},
		{"no code in it", pngOf(t, blank), "no readable QR code"},
		{"41 megapixels", pngHeader(41_000, 1000), "40 megapixels"},
		{"more pixels than 64 bits count", pngHeader(1<<31-1, 1<<31-1), "overflow"},
		{"too many bytes", make([]byte, maxImageBytes+1), "32 MiB"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text, err := decodeQR(bytes.NewReader(tt.picture))
			if err == nil {
				t.Fatalf("read %q", text)
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %q does not say %q", err, tt.want)
			}
		})
	}
}

// zbarimg is another implementation altogether; where it is installed it must read what we draw.
func TestZbarReadsOurs(t *testing.T) {
	zbarimg, err := exec.LookPath("zbarimg")
	if err != nil {
		t.Skip("SKIPPED: zbarimg is not installed, so no independent reader looked at the QR images (Debian: zbar-tools)")
	}
	for _, s := range qrSamples(t) {
		img, _, err := encodeQR(s.Text)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "qr.png")
		if err := os.WriteFile(file, pngOf(t, img), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(zbarimg, "--raw", "-q", file).Output()
		if text := strings.TrimSuffix(string(out), "\n"); err != nil || text != s.Text {
			t.Errorf("%s: %v, got %s", s.File, err, text)
		}
	}
}

// FuzzFindQR looks for panics in the reader; pixels are the gray values of a picture, width of them in a row.
func FuzzFindQR(f *testing.F) {
	for _, text := range []string{"HC1:", "HC1:" + strings.Repeat("6BFOXN ", 5), alphanumeric(200)} {
		code, err := encodeSymbol(text)
		if err != nil {
			f.Fatal(err)
		}
		var pixels []byte
		matrix := code.GetMatrix()
		for y := range matrix.GetHeight() {
			for x := range matrix.GetWidth() {
				pixels = append(pixels, 0xff*byte(1-matrix.Get(x, y)))
			}
		}
		if got, err := findQR(grayImage(byte(matrix.GetWidth()), pixels)); err != nil || got != text {
			f.Fatalf("the seed %q is read as %q, %v", text, got, err)
		}
		f.Add(byte(matrix.GetWidth()), pixels)
	}
	f.Add(byte(5), []byte{})
	f.Fuzz(func(t *testing.T, width byte, pixels []byte) {
		if text, err := findQR(grayImage(width, pixels)); err != nil && text != "" {
			t.Errorf("both a text and an error: %q, %v", text, err)
		}
	})
}

func grayImage(width byte, pixels []byte) *image.Gray {
	w := max(1, int(width))
	return &image.Gray{Pix: pixels, Stride: w, Rect: image.Rect(0, 0, w, min(255, len(pixels)/w))}
}

func alphanumeric(n int) string {
	return ("HC1:" + strings.Repeat("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:", n/45+1))[:n]
}

func pngOf(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func jpegOf(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// pngHeader is a PNG that promises a size and ends there.
func pngHeader(width, height uint32) []byte {
	ihdr := binary.BigEndian.AppendUint32([]byte("IHDR"), width)
	ihdr = append(binary.BigEndian.AppendUint32(ihdr, height), 8, 0, 0, 0, 0)
	b := append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0d"), ihdr...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(ihdr))
}

func negative(img image.Image) image.Image {
	b := img.Bounds()
	out := image.NewGray(b)
	draw.Draw(out, b, img, b.Min, draw.Src)
	for i := range out.Pix {
		out.Pix[i] = ^out.Pix[i]
	}
	return out
}

func cropped(img image.Image) image.Image {
	return img.(*image.Paletted).SubImage(img.Bounds().Inset(qrQuietZone * qrModuleSize))
}

// resampled turns and shrinks a picture; each pixel is the mean of 4 by 4 points in its square.
func resampled(img image.Image, scale, degrees float64) *image.Gray {
	const points = 4
	b := img.Bounds()
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	side := int(float64(b.Dx())*scale*(sin+cos)) + 2
	out := image.NewGray(image.Rect(0, 0, side, side))
	for i := range out.Pix {
		white := 0
		for j := range points * points {
			u := (float64(i%side) + (float64(j%points)+0.5)/points - float64(side)/2) / scale
			v := (float64(i/side) + (float64(j/points)+0.5)/points - float64(side)/2) / scale
			x := int(math.Floor(u*cos - v*sin + float64(b.Dx())/2))
			y := int(math.Floor(u*sin + v*cos + float64(b.Dy())/2))
			if r, _, _, a := img.At(x, y).RGBA(); r > 0 || a == 0 {
				white++
			}
		}
		out.Pix[i] = byte(0xff * white / (points * points))
	}
	return out
}

// transparent leaves out the white.
func transparent(img image.Image) image.Image {
	out := *img.(*image.Paletted)
	out.Palette = color.Palette{color.Transparent, color.Black}
	return &out
}
