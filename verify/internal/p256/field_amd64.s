//go:build !purego

#include "textflag.h"

// mul, sqr and sub take addresses in SI (x), BX (y) and DI (z), leave them, and overwrite AX, CX, DX and R8 to R15. Go's g is
// in R14 only within its internal ABI, which no function of this file uses.

// ROW adds x·DX to the limbs r0 to r3 and to top, which becomes the fifth. Low words go by the carry flag, high words by the
// overflow flag. The sum is below 2³²⁰ (see mulGo), so that neither leaves top.
#define ROW(r0, r1, r2, r3, top) \
	XORQ   top, top; \
	MULXQ  0(SI), AX, CX; \
	ADCXQ  AX, r0; \
	ADOXQ  CX, r1; \
	MULXQ  8(SI), AX, CX; \
	ADCXQ  AX, r1; \
	ADOXQ  CX, r2; \
	MULXQ  16(SI), AX, CX; \
	ADCXQ  AX, r2; \
	ADOXQ  CX, r3; \
	MULXQ  24(SI), AX, CX; \
	ADCXQ  AX, r3; \
	ADOXQ  CX, top; \
	MOVQ   $0, AX; \
	ADCXQ  AX, top

// REDUCE adds m·p with m = r0, drops the limb that becomes zero, and has the new highest in r0 (see reduce in field64.go).
// m·p3 = m·2⁶⁴ - m·2³² + m needs no multiplication.
#define REDUCE(r0, r1, r2, r3) \
	MOVQ r0, AX; \
	MOVQ r0, CX; \
	MOVQ r0, DX; \
	SHLQ $32, AX; \
	SHRQ $32, CX; \
	SUBQ AX, DX; \
	SBBQ CX, r0; \
	ADDQ AX, r1; \
	ADCQ CX, r2; \
	ADCQ DX, r3; \
	ADCQ $0, r0

// MONTGOMERY sets z to (R15 ... R8)/2²⁵⁶ mod p.
#define MONTGOMERY \
	REDUCE(R8, R9, R10, R11); \
	REDUCE(R9, R10, R11, R8); \
	REDUCE(R10, R11, R8, R9); \
	REDUCE(R11, R8, R9, R10); \
	ADDQ R12, R8; \
	ADCQ R13, R9; \
	ADCQ R14, R10; \
	ADCQ R15, R11; \
	MOVQ $0, R12; \
	ADCQ $0, R12; \
	MOVQ $0x00000000ffffffff, R14; \
	MOVQ $0xffffffff00000001, R15; \
	MOVQ R8, AX; \
	MOVQ R9, CX; \
	MOVQ R10, DX; \
	MOVQ R11, R13; \
	SUBQ $-1, R8; \
	SBBQ R14, R9; \
	SBBQ $0, R10; \
	SBBQ R15, R11; \
	SBBQ $0, R12; \
	CMOVQCS AX, R8; \
	CMOVQCS CX, R9; \
	CMOVQCS DX, R10; \
	CMOVQCS R13, R11; \
	MOVQ R8, 0(DI); \
	MOVQ R9, 8(DI); \
	MOVQ R10, 16(DI); \
	MOVQ R11, 24(DI)

// z = x·y/2²⁵⁶ mod p
TEXT mul<>(SB), NOSPLIT, $0
	MOVQ  0(BX), DX
	MULXQ 0(SI), R8, R9
	MULXQ 8(SI), AX, R10
	ADDQ  AX, R9
	MULXQ 16(SI), AX, R11
	ADCQ  AX, R10
	MULXQ 24(SI), AX, R12
	ADCQ  AX, R11
	ADCQ  $0, R12
	MOVQ  8(BX), DX
	ROW(R9, R10, R11, R12, R13)
	MOVQ  16(BX), DX
	ROW(R10, R11, R12, R13, R14)
	MOVQ  24(BX), DX
	ROW(R11, R12, R13, R14, R15)
	MONTGOMERY
	RET

// z = x²/2²⁵⁶ mod p: products of different limbs, doubled, and squares (see sqrGo)
TEXT sqr<>(SB), NOSPLIT, $0
	MOVQ  0(SI), DX
	MULXQ 8(SI), R9, R10
	MULXQ 16(SI), AX, R11
	ADDQ  AX, R10
	MULXQ 24(SI), AX, R12
	ADCQ  AX, R11
	ADCQ  $0, R12
	MOVQ  8(SI), DX
	XORQ  R13, R13
	MULXQ 16(SI), AX, CX
	ADCXQ AX, R11
	ADOXQ CX, R12
	MULXQ 24(SI), AX, CX
	ADCXQ AX, R12
	ADOXQ CX, R13
	MOVQ  $0, AX
	ADCXQ AX, R13
	MOVQ  16(SI), DX
	MULXQ 24(SI), AX, R14
	ADDQ  AX, R13
	ADCQ  $0, R14
	XORQ  R15, R15
	ADDQ  R9, R9
	ADCQ  R10, R10
	ADCQ  R11, R11
	ADCQ  R12, R12
	ADCQ  R13, R13
	ADCQ  R14, R14
	ADCQ  R15, R15
	MOVQ  0(SI), DX
	MULXQ DX, R8, AX
	ADDQ  AX, R9
	MOVQ  8(SI), DX
	MULXQ DX, AX, CX
	ADCQ  AX, R10
	ADCQ  CX, R11
	MOVQ  16(SI), DX
	MULXQ DX, AX, CX
	ADCQ  AX, R12
	ADCQ  CX, R13
	MOVQ  24(SI), DX
	MULXQ DX, AX, CX
	ADCQ  AX, R14
	ADCQ  CX, R15
	MONTGOMERY
	RET

// z = x - y mod p: p is added if that borrows
TEXT sub<>(SB), NOSPLIT, $0
	MOVQ 0(SI), R8
	MOVQ 8(SI), R9
	MOVQ 16(SI), R10
	MOVQ 24(SI), R11
	SUBQ 0(BX), R8
	SBBQ 8(BX), R9
	SBBQ 16(BX), R10
	SBBQ 24(BX), R11
	SBBQ AX, AX
	MOVL AX, CX
	MOVQ $0xffffffff00000001, DX
	ANDQ AX, DX
	ADDQ AX, R8
	ADCQ CX, R9
	ADCQ $0, R10
	ADCQ DX, R11
	MOVQ R8, 0(DI)
	MOVQ R9, 8(DI)
	MOVQ R10, 16(DI)
	MOVQ R11, 24(DI)
	RET

// func mulADX(z, x, y *element)
TEXT ·mulADX(SB), NOSPLIT, $0-24
	MOVQ z+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ y+16(FP), BX
	CALL mul<>(SB)
	RET

// func sqrADX(z, x *element)
TEXT ·sqrADX(SB), NOSPLIT, $0-16
	MOVQ z+0(FP), DI
	MOVQ x+8(FP), SI
	CALL sqr<>(SB)
	RET

// func subADX(z, x, y *element)
TEXT ·subADX(SB), NOSPLIT, $0-24
	MOVQ z+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ y+16(FP), BX
	CALL sub<>(SB)
	RET

// func addAffineADX(p *point, q *affine) bool
//
// The formula of addAffine, for p other than infinity. If both have the same x it changes nothing and returns false.
// A point has X at 0, Y at 32, ZZ at 64, ZZZ at 96; an affine one x at 0, y at 32. h, r, t, u are on the stack in that order.
TEXT ·addAffineADX(SB), NOSPLIT, $128-17
	MOVQ q+8(FP), SI
	MOVQ p+0(FP), BX
	ADDQ $64, BX
	LEAQ h-128(SP), DI
	CALL mul<>(SB)              // h = x·ZZ
	ADDQ $32, SI
	ADDQ $32, BX
	ADDQ $32, DI
	CALL mul<>(SB)              // r = y·ZZZ
	MOVQ DI, SI
	SUBQ $64, BX
	CALL sub<>(SB)              // r = R = r - Y
	SUBQ $32, SI
	SUBQ $32, BX
	SUBQ $32, DI
	CALL sub<>(SB)              // h = P = h - X
	ORQ  R8, R9                 // sub leaves z in R8 to R11, too
	ORQ  R10, R11
	ORQ  R9, R11
	JEQ  same

	LEAQ t-64(SP), DI
	CALL sqr<>(SB)              // t = PP
	MOVQ p+0(FP), SI
	ADDQ $64, SI
	MOVQ DI, BX
	MOVQ SI, DI
	CALL mul<>(SB)              // ZZ = ZZ·PP
	LEAQ h-128(SP), SI
	MOVQ SI, DI
	CALL mul<>(SB)              // h = PPP = P·PP
	MOVQ p+0(FP), SI
	MOVQ BX, DI
	CALL mul<>(SB)              // t = Q = X·PP
	ADDQ $96, SI
	LEAQ h-128(SP), BX
	MOVQ SI, DI
	CALL mul<>(SB)              // ZZZ = ZZZ·PPP
	LEAQ r-96(SP), SI
	LEAQ u-32(SP), DI
	CALL sqr<>(SB)              // u = R²
	MOVQ DI, SI
	CALL sub<>(SB)              // u = R² - PPP
	LEAQ t-64(SP), BX
	CALL sub<>(SB)              // u = R² - PPP - Q
	MOVQ p+0(FP), DI
	CALL sub<>(SB)              // X = R² - PPP - 2Q
	MOVQ BX, SI
	MOVQ DI, BX
	MOVQ SI, DI
	CALL sub<>(SB)              // t = Q - X
	LEAQ r-96(SP), BX
	MOVQ BX, DI
	CALL mul<>(SB)              // r = R·(Q - X)
	MOVQ p+0(FP), SI
	ADDQ $32, SI
	LEAQ h-128(SP), BX
	MOVQ BX, DI
	CALL mul<>(SB)              // h = Y·PPP
	MOVQ SI, DI
	LEAQ r-96(SP), SI
	CALL sub<>(SB)              // Y = R·(Q - X) - Y·PPP
	MOVB $1, ret+16(FP)
	RET

same:
	MOVB $0, ret+16(FP)
	RET
