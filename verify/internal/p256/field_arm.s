//go:build arm.6 && !purego

#include "textflag.h"

// UMAAL (ARMv6): hi:lo = n·m + hi + lo, by the numbers of registers. It cannot overflow: (2³²-1)² + 2(2³²-1) = 2⁶⁴ - 1.
// The assembler has no name for it.
#define UMAAL(lo, hi, n, m) WORD $(0xe0400090 | hi<<16 | lo<<12 | m<<8 | n)

// STEP multiplies limb j of y by two limbs of x, R9 and R11. Register t is column j of the first row, u column j of the
// second, c and d are their carries.
#define STEP(j, t, u, c, d) \
	MOVW (4*j)(R14), R12; \
	UMAAL(t, c, 9, 12); \
	UMAAL(u, d, 11, 12)

// ROWS adds x_i·y and x_(i+1)·y·2³² to columns t0 to t7. The lowest two are then final and go to the stack. Their registers
// become the second carry d and a free one; the carries become the highest two columns. So the columns of the next rows
// are t2 to t7, c, t0, and its carry is t1. r0, r1 and rc are the registers whose numbers are t0, t1 and c.
#define ROWS(i, r0, r1, rc, t0, t1, t2, t3, t4, t5, t6, t7, c) \
	MOVW x+4(FP), R14; \
	MOVW (4*i)(R14), R9; \
	MOVW (4*i+4)(R14), R11; \
	MOVW y+8(FP), R14; \
	MOVW $0, rc; \
	MOVW 0(R14), R12; \
	UMAAL(t0, c, 9, 12); \
	MOVW r0, (4*i+4)(R13); \
	MOVW $0, r0; \
	UMAAL(t1, t0, 11, 12); \
	MOVW 4(R14), R12; \
	UMAAL(t1, c, 9, 12); \
	MOVW r1, (4*i+8)(R13); \
	UMAAL(t2, t0, 11, 12); \
	STEP(2, t2, t3, c, t0); \
	STEP(3, t3, t4, c, t0); \
	STEP(4, t4, t5, c, t0); \
	STEP(5, t5, t6, c, t0); \
	STEP(6, t6, t7, c, t0); \
	STEP(7, t7, c, c, t0)

// LOAD reads m_j, m_(j+1), m_(j+2).
#define LOAD(j) \
	ADD $(4*j+4), R13, R12; \
	MOVM.IA (R12), [R7, R9, R12]

// func mulUMAAL(z, x, y *element)
//
// The stack has the return address at 0(R13), and from 4(R13) on the low half of the product, T, then m, for which
// T + m·p = 0 mod 2²⁵⁶ (see reduce in field32.go). R10 is Go's.
TEXT ·mulUMAAL(SB), NOSPLIT, $32-12
	MOVW $0, R0
	MOVW $0, R1
	MOVW $0, R2
	MOVW $0, R3
	MOVW $0, R4
	MOVW $0, R5
	MOVW $0, R6
	MOVW $0, R7
	ROWS(0, R0, R1, R8, 0, 1, 2, 3, 4, 5, 6, 7, 8)
	ROWS(2, R2, R3, R1, 2, 3, 4, 5, 6, 7, 8, 0, 1)
	ROWS(4, R4, R5, R3, 4, 5, 6, 7, 8, 0, 1, 2, 3)
	ROWS(6, R6, R7, R5, 6, 7, 8, 0, 1, 2, 3, 4, 5)
	// The high half is now in R8, R0 to R6.

	// m_0 to m_2 are T_0 to T_2. T_3 to T_7 plus m_0 to m_4, of which m_3 and m_4 come to be on the way:
	MOVM.IB (R13), [R7, R9, R11, R12, R14]
	ADD.S   R7, R12, R12        // m_3 = T_3 + m_0
	ADC.S   R9, R14, R14        // m_4 = T_4 + m_1
	MOVW    R12, 16(R13)
	MOVW    R14, 20(R13)
	MOVW    24(R13), R14
	ADC.S   R14, R11, R11       // m_5 = T_5 + m_2
	MOVW    R11, 24(R13)
	MOVW    28(R13), R14
	ADC.S   R12, R14, R14       // T_6 + m_3
	MOVW    32(R13), R12
	MOVW    20(R13), R11
	ADC.S   R11, R12, R12       // T_7 + m_4
	MOVW    $0, R11
	ADC     $0, R11             // R11 counts carries beyond 2²⁵⁶
	ADD.S   R7, R14, R14        // m_6 = T_6 + m_3 + m_0
	ADC.S   R9, R12, R12
	ADC     $0, R11
	MOVW    R14, 28(R13)
	SUB.S   R7, R12, R12        // m_7 = T_7 + m_4 + m_1 - m_0; the borrow goes into the next subtraction
	MOVW    R12, 32(R13)

	// - m/2³²
	LOAD(1)
	SBC.S R7, R8
	SBC.S R9, R0
	SBC.S R12, R1
	LOAD(4)
	SBC.S R7, R2
	SBC.S R9, R3
	SBC.S R12, R4
	MOVW  32(R13), R7
	SBC.S R7, R5
	SBC.S $0, R6
	MOVW  $0, R14
	SBC   $0, R14               // R14 is the word at 2²⁵⁶

	// + m, and the first carry
	CMP    $1, R11              // sets C if R11 >= 1
	MOVM.IB (R13), [R7, R9, R12]
	ADC.S  R7, R8
	ADC.S  R9, R0
	ADC.S  R12, R1
	LOAD(3)
	ADC.S  R7, R2
	ADC.S  R9, R3
	ADC.S  R12, R4
	MOVW   28(R13), R7
	MOVW   32(R13), R9
	ADC.S  R7, R5
	ADC.S  R9, R6
	ADC    $0, R14

	// + m/2⁶⁴, and the second
	CMP   $2, R11
	LOAD(2)
	ADC.S R7, R8
	ADC.S R9, R0
	ADC.S R12, R1
	LOAD(5)
	ADC.S R7, R2
	ADC.S R9, R3
	ADC.S R12, R4
	ADC.S $0, R5
	ADC.S $0, R6
	ADC   $0, R14

	// + m/2¹⁶⁰, whose limbs are in R7, R9 and R12
	ADD.S R7, R8
	ADC.S R9, R0
	ADC.S R12, R1
	ADC.S $0, R2
	ADC.S $0, R3
	ADC.S $0, R4
	ADC.S $0, R5
	ADC.S $0, R6
	ADC   $0, R14

	// The result is below 2p. If R14 is 1, p = 2²⁵⁶ - 2²²⁴ + 2¹⁹² + 2⁹⁶ - 1 is subtracted.
	RSB   $0, R14, R12
	SUB.S R12, R8
	SBC.S R12, R0
	SBC.S R12, R1
	SBC.S $0, R2
	SBC.S $0, R3
	SBC.S $0, R4
	SBC.S R14, R5
	SBC   R12, R6
	MOVW  z+0(FP), R14
	CMN   $1, R6                // only if R6 is 2³²-1 it may still be p or more
	BEQ   near

store:
	MOVW    R8, 0(R14)
	MOVM.IB [R0-R6], (R14)
	RET

near:
	// Subtract p: less 2³²-1 and a borrow is the same as plus C. Then add p again if that borrowed.
	ADD.S $1, R8
	ADC.S $0, R0
	ADC.S $0, R1
	SBC.S $0, R2
	SBC.S $0, R3
	SBC.S $0, R4
	SBC.S $1, R5
	ADC.S $0, R6
	SBC   R12, R12              // -1 if it borrowed
	ADD.S R12, R8
	ADC.S R12, R0
	ADC.S R12, R1
	ADC.S $0, R2
	ADC.S $0, R3
	ADC.S $0, R4
	ADC.S R12>>31, R5
	ADC   R12, R6
	B     store

// func subARM(z, x, y *element)
TEXT ·subARM(SB), NOSPLIT, $4-12
	MOVW      x+4(FP), R14
	MOVM.IA   (R14), [R0-R7]
	MOVW      y+8(FP), R14
	MOVM.IA.W (R14), [R8, R9, R11, R12]
	SUB.S     R8, R0
	SBC.S     R9, R1
	SBC.S     R11, R2
	SBC.S     R12, R3
	MOVM.IA   (R14), [R8, R9, R11, R12]
	SBC.S     R8, R4
	SBC.S     R9, R5
	SBC.S     R11, R6
	SBC.S     R12, R7
	SBC       R12, R12          // -1 if it borrowed: then p is added
	ADD.S     R12, R0
	ADC.S     R12, R1
	ADC.S     R12, R2
	ADC.S     $0, R3
	ADC.S     $0, R4
	ADC.S     $0, R5
	ADC.S     R12>>31, R6
	ADC       R12, R7
	MOVW      z+0(FP), R14
	MOVM.IA   [R0-R7], (R14)
	RET
