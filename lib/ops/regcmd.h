/* SPDX-License-Identifier: MIT */
/*
 * Register commands as far as the operations need them: one 64-bit entry is target, value and
 * offset (hardware reference 2.1); the offsets are those of hardware reference 4 to
 * 8.
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
	TARGET_DPU_RDMA = 0x2001,
	TARGET_PPU = 0x4001,
	TARGET_PPU_RDMA = 0x8001,
};

#define REG_PC_OPERATION_ENABLE	      0x0008
#define REG_PC_REGISTER_AMOUNTS	      0x0014
#define REG_CNA_CONV_CON1	      0x100c
#define REG_CNA_CONV_CON2	      0x1010
#define REG_CNA_CONV_CON3	      0x1014
#define REG_CNA_DATA_SIZE0	      0x1020
#define REG_CNA_DATA_SIZE1	      0x1024
#define REG_CNA_DATA_SIZE2	      0x1028
#define REG_CNA_DATA_SIZE3	      0x102c
#define REG_CNA_WEIGHT_SIZE0	      0x1030
#define REG_CNA_WEIGHT_SIZE1	      0x1034
#define REG_CNA_WEIGHT_SIZE2	      0x1038
#define REG_CNA_CBUF_CON0	      0x1040
#define REG_CNA_CBUF_CON1	      0x1044
#define REG_CNA_CVT_CON0	      0x104c
#define REG_CNA_CVT_CON1	      0x1050
#define REG_CNA_CVT_CON2	      0x1054
#define REG_CNA_CVT_CON3	      0x1058
#define REG_CNA_CVT_CON4	      0x105c
#define REG_CNA_PAD_CON0	      0x1068
#define REG_CNA_FEATURE_ADDR	      0x1070
#define REG_CNA_DMA_CON0	      0x1078
#define REG_CNA_DMA_CON1	      0x107c
#define REG_CNA_DMA_CON2	      0x1080
#define REG_CNA_FC_DATA_SIZE0	      0x1084
#define REG_CNA_FC_DATA_SIZE1	      0x1088
#define REG_CNA_DCOMP_ADDR0	      0x1110
#define REG_CNA_PAD_CON1	      0x1184
#define REG_CORE_MISC_CFG	      0x3010
#define REG_CORE_DATAOUT_SIZE_0	      0x3014
#define REG_CORE_DATAOUT_SIZE_1	      0x3018
#define REG_DPU_S_POINTER	      0x4004
#define REG_DPU_FEATURE_MODE_CFG      0x400c
#define REG_DPU_DATA_FORMAT	      0x4010
#define REG_DPU_DST_BASE_ADDR	      0x4020
#define REG_DPU_DST_SURF_STRIDE	      0x4024
#define REG_DPU_CUBE_WIDTH	      0x4030
#define REG_DPU_CUBE_HEIGHT	      0x4034
#define REG_DPU_CUBE_CHANNEL	      0x403c
#define REG_DPU_BS_CFG		      0x4040
#define REG_DPU_BS_ALU_CFG	      0x4044
#define REG_DPU_BS_MUL_CFG	      0x4048
#define REG_DPU_BS_OW_CFG	      0x4050
#define REG_DPU_BS_OW_OP	      0x4054
#define REG_DPU_WDMA_SIZE_0	      0x4058
#define REG_DPU_WDMA_SIZE_1	      0x405c
#define REG_DPU_BN_CFG		      0x4060
#define REG_DPU_BN_ALU_CFG	      0x4064
#define REG_DPU_BN_MUL_CFG	      0x4068
#define REG_DPU_EW_CFG		      0x4070
#define REG_DPU_EW_CVT_OFFSET	      0x4074
#define REG_DPU_EW_CVT_SCALE	      0x4078
#define REG_DPU_OUT_CVT_OFFSET	      0x4080
#define REG_DPU_OUT_CVT_SCALE	      0x4084
#define REG_DPU_OUT_CVT_SHIFT	      0x4088
#define REG_DPU_SURFACE_ADD	      0x40c0
#define REG_DPU_LUT_ACCESS_CFG	      0x4100
#define REG_DPU_LUT_ACCESS_DATA	      0x4104
#define REG_DPU_LUT_CFG		      0x4108
#define REG_DPU_LUT_INFO	      0x410c
#define REG_DPU_LUT_LE_START	      0x4110
#define REG_DPU_LUT_LO_END	      0x411c
#define REG_DPU_RDMA_S_POINTER	      0x5004
#define REG_DPU_RDMA_CUBE_WIDTH	      0x500c
#define REG_DPU_RDMA_CUBE_HEIGHT      0x5010
#define REG_DPU_RDMA_CUBE_CHANNEL     0x5014
#define REG_DPU_RDMA_SRC_BASE_ADDR    0x5018
#define REG_DPU_RDMA_BRDMA_CFG	      0x501c
#define REG_DPU_RDMA_BS_BASE_ADDR     0x5020
#define REG_DPU_RDMA_ERDMA_CFG	      0x5034
#define REG_DPU_RDMA_EW_BASE_ADDR     0x5038
#define REG_DPU_RDMA_EW_SURF_STRIDE   0x5040
#define REG_DPU_RDMA_FEATURE_MODE_CFG 0x5044
#define REG_DPU_RDMA_SURF_NOTCH	      0x504c
#define REG_DPU_RDMA_WEIGHT	      0x5068
#define REG_PPU_S_POINTER	      0x6004
#define REG_PPU_CUBE_IN_WIDTH	      0x600c
#define REG_PPU_CUBE_IN_HEIGHT	      0x6010
#define REG_PPU_CUBE_IN_CHANNEL	      0x6014
#define REG_PPU_CUBE_OUT_WIDTH	      0x6018
#define REG_PPU_CUBE_OUT_HEIGHT	      0x601c
#define REG_PPU_CUBE_OUT_CHANNEL      0x6020
#define REG_PPU_OPERATION_MODE_CFG    0x6024
#define REG_PPU_POOLING_KERNEL_CFG    0x6034
#define REG_PPU_RECIP_KERNEL_WIDTH    0x6038
#define REG_PPU_RECIP_KERNEL_HEIGHT   0x603c
#define REG_PPU_POOLING_PADDING_CFG   0x6040
#define REG_PPU_PADDING_VALUE_1_CFG   0x6044
#define REG_PPU_PADDING_VALUE_2_CFG   0x6048
#define REG_PPU_DST_BASE_ADDR	      0x6070
#define REG_PPU_DST_SURF_STRIDE	      0x607c
#define REG_PPU_DATA_FORMAT	      0x6084
#define REG_PPU_MISC_CTRL	      0x60dc
#define REG_PPU_RDMA_S_POINTER	      0x7004
#define REG_PPU_RDMA_IN_WIDTH	      0x700c
#define REG_PPU_RDMA_IN_HEIGHT	      0x7010
#define REG_PPU_RDMA_IN_CHANNEL	      0x7014
#define REG_PPU_RDMA_SRC_BASE_ADDR    0x701c
#define REG_PPU_RDMA_SRC_LINE_STRIDE  0x7024
#define REG_PPU_RDMA_SRC_SURF_STRIDE  0x7028
#define REG_PPU_RDMA_DATA_FORMAT      0x7030

/* Blocks that op_en starts: CNA, CORE and DPU make a convolution (hardware reference 2.1). */
#define OP_EN_CONVOLUTION 0x0du
/* With the DPU_RDMA, which fetches operands per channel. */
#define OP_EN_CONVOLUTION_RDMA 0x1du
/* DPU and DPU_RDMA alone. */
#define OP_EN_ELEMENTWISE 0x18u
/* PPU and PPU_RDMA. */
#define OP_EN_POOLING 0x60u

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
