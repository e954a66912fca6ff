/* SPDX-License-Identifier: MIT */
/*
 * Register commands as far as matrix products need them: one 64-bit entry is target, value and
 * offset (hardware reference 2.1); the offsets are those of hardware reference 4 to 6.
 */
#ifndef LIBNPU_OPS_REGCMD_H
#define LIBNPU_OPS_REGCMD_H

#include <stdint.h>

enum regcmd_target {
	TARGET_OP_EN = 0x0081,
	TARGET_MARKER = 0x0041,
	TARGET_PC = 0x0101,
	TARGET_CNA = 0x0201,
	TARGET_CORE = 0x0801,
	TARGET_DPU = 0x1001,
};

#define REG_PC_OPERATION_ENABLE	 0x0008
#define REG_PC_REGISTER_AMOUNTS	 0x0014
#define REG_CNA_CONV_CON1	 0x100c
#define REG_CNA_CONV_CON2	 0x1010
#define REG_CNA_CONV_CON3	 0x1014
#define REG_CNA_DATA_SIZE0	 0x1020
#define REG_CNA_DATA_SIZE1	 0x1024
#define REG_CNA_DATA_SIZE2	 0x1028
#define REG_CNA_DATA_SIZE3	 0x102c
#define REG_CNA_WEIGHT_SIZE0	 0x1030
#define REG_CNA_WEIGHT_SIZE1	 0x1034
#define REG_CNA_WEIGHT_SIZE2	 0x1038
#define REG_CNA_CBUF_CON0	 0x1040
#define REG_CNA_CBUF_CON1	 0x1044
#define REG_CNA_CVT_CON0	 0x104c
#define REG_CNA_CVT_CON1	 0x1050
#define REG_CNA_CVT_CON2	 0x1054
#define REG_CNA_CVT_CON3	 0x1058
#define REG_CNA_CVT_CON4	 0x105c
#define REG_CNA_FEATURE_ADDR	 0x1070
#define REG_CNA_DMA_CON0	 0x1078
#define REG_CNA_DMA_CON1	 0x107c
#define REG_CNA_DMA_CON2	 0x1080
#define REG_CNA_FC_DATA_SIZE0	 0x1084
#define REG_CNA_FC_DATA_SIZE1	 0x1088
#define REG_CNA_DCOMP_ADDR0	 0x1110
#define REG_CORE_MISC_CFG	 0x3010
#define REG_CORE_DATAOUT_SIZE_0	 0x3014
#define REG_CORE_DATAOUT_SIZE_1	 0x3018
#define REG_DPU_S_POINTER	 0x4004
#define REG_DPU_FEATURE_MODE_CFG 0x400c
#define REG_DPU_DATA_FORMAT	 0x4010
#define REG_DPU_DST_BASE_ADDR	 0x4020
#define REG_DPU_DST_SURF_STRIDE	 0x4024
#define REG_DPU_CUBE_HEIGHT	 0x4034
#define REG_DPU_CUBE_CHANNEL	 0x403c
#define REG_DPU_BS_CFG		 0x4040
#define REG_DPU_BS_OW_CFG	 0x4050
#define REG_DPU_WDMA_SIZE_0	 0x4058
#define REG_DPU_WDMA_SIZE_1	 0x405c
#define REG_DPU_BN_CFG		 0x4060
#define REG_DPU_EW_CFG		 0x4070
#define REG_DPU_EW_CVT_SCALE	 0x4078
#define REG_DPU_OUT_CVT_SCALE	 0x4084
#define REG_DPU_SURFACE_ADD	 0x40c0

/* Blocks that op_en starts: CNA, CORE and DPU make a convolution (hardware reference 2.1). */
#define OP_EN_CONVOLUTION 0x0du

/* The convolution buffer (hardware reference 1.7, 4.9). */
#define CBUF_BANKS	 12u
#define CBUF_BANK_BYTES	 32768u
#define CBUF_ENTRY_BYTES 64u

#define ATOM_BYTES	 16u

static inline uint64_t regcmd_encode(uint16_t target, uint16_t offset, uint32_t value)
{
	return (uint64_t)target << 48 | (uint64_t)value << 16 | offset;
}

#endif
