package main

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	_ "image/jpeg" // registered for decodeQR
	"image/png"
	"io"
	"strings"

	"github.com/makiuchi-d/gozxing"
	multiqr "github.com/makiuchi-d/gozxing/multi/qrcode"
	"github.com/makiuchi-d/gozxing/qrcode"
	"github.com/makiuchi-d/gozxing/qrcode/decoder"
	"github.com/makiuchi-d/gozxing/qrcode/encoder"
)

// How a QR image is drawn. The quiet zone is what ISO/IEC 18004 asks for.
const (
	qrQuietZone  = 4 // modules
	qrModuleSize = 6 // pixels
)

// What decodeQR reads at most.
const (
	maxImageBytes  = 32 << 20
	maxImagePixels = 40_000_000
	// maxUpscaled is the number of pixels up to which a picture is enlarged for another try.
	maxUpscaled = 4_000_000
)

// qrLevels are the error correction levels to try, Q first as the HCERT specification recommends.
var qrLevels = []decoder.ErrorCorrectionLevel{
	decoder.ErrorCorrectionLevel_Q,
	decoder.ErrorCorrectionLevel_M,
	decoder.ErrorCorrectionLevel_L,
}

// encodeQR draws text, which must be of the Base45 alphabet, as a QR code in alphanumeric mode, and returns the error
// correction level it fitted in. Level L ends at 4296 characters.
func encodeQR(text string) (image.Image, decoder.ErrorCorrectionLevel, error) {
	code, err := encodeSymbol(text)
	if err != nil {
		return nil, 0, err
	}
	matrix := code.GetMatrix()
	side := (matrix.GetWidth() + 2*qrQuietZone) * qrModuleSize
	img := image.NewPaletted(image.Rect(0, 0, side, side), color.Palette{color.White, color.Black})
	for y := range side {
		for x := range side {
			mx, my := x/qrModuleSize-qrQuietZone, y/qrModuleSize-qrQuietZone
			inside := mx >= 0 && my >= 0 && mx < matrix.GetWidth() && my < matrix.GetHeight()
			if inside && matrix.Get(mx, my) == 1 {
				img.SetColorIndex(x, y, 1)
			}
		}
	}
	return img, code.GetECLevel(), nil
}

func encodeSymbol(text string) (*encoder.QRCode, error) {
	// The writer would change to byte mode without a word, and the symbol would grow by half.
	if i := strings.IndexFunc(text, func(r rune) bool { return !strings.ContainsRune(base45Alphabet, r) }); i >= 0 {
		return nil, fmt.Errorf("character %d cannot be in a QR code's alphanumeric mode", i+1)
	}
	if text == "" {
		return nil, errors.New("no text to put in a QR code")
	}
	var err error
	for _, level := range qrLevels {
		var code *encoder.QRCode
		if code, err = encoder.Encoder_encode(text, level, nil); err == nil {
			return code, nil
		}
	}
	return nil, fmt.Errorf("%d characters fit no QR code: %w", len(text), err)
}

func writePNG(w io.Writer, img image.Image) error { return png.Encode(w, img) }

// decodeQR reads the text of the one QR code in a PNG or JPEG picture of at most 40 megapixels and 32 MiB.
func decodeQR(r io.Reader) (string, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxImageBytes+1))
	if err != nil {
		return "", err
	}
	if len(data) > maxImageBytes {
		return "", fmt.Errorf("the picture is larger than %d MiB", maxImageBytes>>20)
	}
	size, _, err := image.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return "", fmt.Errorf("not a PNG or JPEG picture: %w", err)
	}
	if int64(size.Width)*int64(size.Height) > maxImagePixels {
		return "", fmt.Errorf("the picture has %d by %d pixels; %d megapixels is the limit",
			size.Width, size.Height, maxImagePixels/1_000_000)
	}
	img, _, err := image.Decode(bytes.NewReader(data))
	if err != nil {
		return "", fmt.Errorf("damaged picture: %w", err)
	}
	return findQR(img)
}

// findQR tries the picture as it is, then enlarged: between the edges of small modules there are too few pixels to
// tell black from white first and to look for modules afterwards, as the reader does.
func findQR(img image.Image) (string, error) {
	gray := flatten(img)
	text, err := readSymbol(gozxing.NewLuminanceSourceFromImage(gray))
	pixels := gray.Rect.Dx() * gray.Rect.Dy()
	for factor := 2; err != nil && factor <= 4 && pixels*factor*factor <= maxUpscaled; factor++ {
		text, err = readSymbol(gozxing.NewLuminanceSourceFromImage(enlarge(gray, factor)))
	}
	if err != nil {
		return "", errors.New("no readable QR code in the picture")
	}
	return text, nil
}

// readSymbol tries each way of telling black from white, then the same on the negative.
func readSymbol(source gozxing.LuminanceSource) (text string, err error) {
	for _, source := range []gozxing.LuminanceSource{source, source.Invert()} {
		for _, binarizer := range []gozxing.Binarizer{
			gozxing.NewHybridBinarizer(source),
			gozxing.NewGlobalHistgramBinarizer(source),
		} {
			var bitmap *gozxing.BinaryBitmap
			if bitmap, err = gozxing.NewBinaryBitmap(binarizer); err != nil {
				return "", err
			}
			if text, err = readBitmap(bitmap); err == nil {
				return text, nil
			}
		}
	}
	return "", err
}

// readBitmap asks the detector for one symbol and then the one for several. The first takes three patterns within the
// data for the corners of one perfect large symbol in twelve; the second tries more than one triple.
func readBitmap(bitmap *gozxing.BinaryBitmap) (string, error) {
	hints := map[gozxing.DecodeHintType]any{gozxing.DecodeHintType_TRY_HARDER: true}
	if result, err := qrcode.NewQRCodeReader().Decode(bitmap, hints); err == nil {
		return result.GetText(), nil
	}
	results, err := multiqr.NewQRCodeMultiReader().DecodeMultiple(bitmap, hints)
	if err != nil {
		return "", err
	}
	if len(results) == 0 {
		return "", gozxing.NewNotFoundException()
	}
	return results[0].GetText(), nil
}

// flatten puts img on white paper.
func flatten(img image.Image) *image.Gray {
	b := img.Bounds()
	gray := image.NewGray(image.Rect(0, 0, b.Dx(), b.Dy()))
	draw.Draw(gray, gray.Rect, image.White, image.Point{}, draw.Src)
	draw.Draw(gray, gray.Rect, img, b.Min, draw.Over)
	return gray
}

// enlarge makes img factor times as wide and high, with bilinear interpolation.
func enlarge(img *image.Gray, factor int) *image.Gray {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	big := image.NewGray(image.Rect(0, 0, w*factor, h*factor))
	// Positions are kept in units of 1/scale of a source pixel, so that the middle of each pixel is a whole number.
	scale := 2 * factor
	for y := range h * factor {
		top, below := nearest((2*y+1)-factor, scale, h)
		for x := range w * factor {
			left, right := nearest((2*x+1)-factor, scale, w)
			sum := 0
			for _, v := range [2]neighbour{top, below} {
				for _, u := range [2]neighbour{left, right} {
					sum += v.weight * u.weight * int(img.Pix[v.at*img.Stride+u.at])
				}
			}
			big.Pix[y*big.Stride+x] = byte(sum / (scale * scale))
		}
	}
	return big
}

// A neighbour is a source row or column with its share in a pixel between two of them.
type neighbour struct{ at, weight int }

// nearest returns the two neighbours of position among n; at the edges both are the same.
func nearest(position, scale, n int) (neighbour, neighbour) {
	position = min(max(position, 0), (n-1)*scale)
	at, past := position/scale, position%scale
	return neighbour{at, scale - past}, neighbour{min(at+1, n-1), past}
}
