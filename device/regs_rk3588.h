/* SPDX-License-Identifier: MIT */
/*
 * Registers of an RK3588 NPU core, as offsets in its 64 KiB window (hardware reference 1.1), and
 * the fields that npud reads or writes. Facts only: used by the driver, the stream decoder and the
 * software NPU alike.
 */
#ifndef NPUD_DEVICE_REGS_RK3588_H
#define NPUD_DEVICE_REGS_RK3588_H

#include <stdint.h>

#define RK3588_WINDOW_BYTES 0x10000u
#define RK3588_CORES	    3u

/* A field of a register value, given by its mask, moved down to bit 0; and back. */
static inline uint32_t field_get(uint32_t mask, uint32_t value)
{
	return (value & mask) / (mask & -mask);
}

static inline uint32_t field_put(uint32_t mask, uint32_t field)
{
	return (field * (mask & -mask)) & mask;
}

/* Blocks, numbered by window offset >> 12. */
enum rk3588_block {
	RK3588_PC = 0,
	RK3588_CNA = 1,
	RK3588_CORE = 3,
	RK3588_DPU = 4,
	RK3588_DPU_RDMA = 5,
	RK3588_PPU = 6,
	RK3588_PPU_RDMA = 7,
	RK3588_BLOCKS = 8, /* end of the range that register commands can address */
};

/* NULL for a number that names no block. Static strings. */
const char *rk3588_block_name(unsigned block);
/* Name of the register at a window offset, without its block; NULL where there is none. */
const char *rk3588_register_name(uint32_t offset);
/* Bits of it that are documented; 0 where there is no register. */
uint32_t rk3588_register_bits(uint32_t offset);

/* PC: command fetch, tasks, interrupts (hardware reference 1.6, 2.3, 2.4, 3.2). */
#define REG_PC_VERSION		    0x0000
#define REG_PC_VERSION_NUM	    0x0004
#define REG_PC_OPERATION_ENABLE	    0x0008
#define REG_PC_BASE_ADDRESS	    0x0010
#define PC_SEL_SLAVE		    0x1u
#define PC_SOURCE_ADDR		    0xfffffff0u
#define REG_PC_REGISTER_AMOUNTS	    0x0014
#define PC_DATA_AMOUNT		    0xffffu
#define PC_COWORK_CORES		    0x30000u
#define REG_PC_INTERRUPT_MASK	    0x0020
#define REG_PC_INTERRUPT_CLEAR	    0x0024
#define REG_PC_INTERRUPT_STATUS	    0x0028
#define REG_PC_INTERRUPT_RAW_STATUS 0x002c
#define REG_PC_TASK_CON		    0x0030
#define PC_TASK_RESERVED_SET	    0x4000u
#define PC_TASK_COUNT_CLEAR	    0x2000u
#define PC_TASK_PP_EN		    0x1000u
#define PC_TASK_NUMBER		    0xfffu
#define REG_PC_TASK_DMA_BASE_ADDR   0x0034
#define REG_PC_TASK_STATUS	    0x003c
#define PC_TASK_COUNTER		    0xfffu
#define PC_TASK_FIRST_RUNS	    0x1000u
#define PC_TASK_LAST_RUNS	    0x2000u
#define RK3588_IDENTITY		    0x46495245u
#define RK3588_INTERRUPT_MASK_RESET 0x1ffffu
#define RK3588_INTERRUPT_CLEAR_ALL  0x1ffffu
#define RK3588_MAX_TASKS_PER_START  4095u

/* Interrupt bits of group 0; group 1 is the next bit. */
#define INTERRUPT_CNA_FEATURE	  0x1u
#define INTERRUPT_CNA_WEIGHT	  0x4u
#define INTERRUPT_CNA_CSC	  0x10u
#define INTERRUPT_CORE		  0x40u
#define INTERRUPT_DPU		  0x100u
#define INTERRUPT_PPU		  0x400u
#define INTERRUPT_DMA_READ_ERROR  0x1000u
#define INTERRUPT_DMA_WRITE_ERROR 0x2000u
#define INTERRUPT_BITS		  0x3fffu

/* Common to all blocks from CNA on: offset inside the block (hardware reference 2.5). */
#define BLOCK_S_STATUS	     0x000
#define BLOCK_S_POINTER	     0x004
#define POINTER_GROUP	     0x1u
#define POINTER_PP_EN	     0x2u
#define EXECUTER_PP_EN	     0x4u
#define POINTER_PP_MODE	     0x8u
#define POINTER_PP_CLEAR     0x10u
#define EXECUTER_PP_CLEAR    0x20u
#define POINTER_EXECUTER     0x10000u
#define S_POINTER_PING_PONG  0x0eu
#define S_POINTER_CORE_INDEX 0x30000000u

/* DDMA: arbitration and bus attributes, without functional effect. */
#define REG_DDMA		    0x8000
#define DDMA_REGISTERS		    13u
#define REG_DDMA_CFG_STATUS	    0x8030
#define DDMA_IS_IDLE		    0x100u

#define REG_GLOBAL_OPERATION_ENABLE 0xf008
#define OP_EN_CNA		    0x01u
#define OP_EN_CORE		    0x04u
#define OP_EN_DPU		    0x08u
#define OP_EN_DPU_RDMA		    0x10u
#define OP_EN_PPU		    0x20u
#define OP_EN_PPU_RDMA		    0x40u
#define OP_EN_BITS		    0x7fu /* as 0x7f is in use; nothing is known of 0x02 */

/* CNA (hardware reference 4). */
#define REG_CNA_S_POINTER	    0x1004
#define REG_CNA_CONV_CON1	    0x100c
#define CNA_NONALIGN_DMA	    0x40000000u
#define CNA_GROUP_LINE_OFF	    0x20000000u
#define CNA_DECONV		    0x10000u
#define CNA_ARGB_IN		    0xf000u
#define CNA_PROC_PRECISION	    0x380u
#define CNA_IN_PRECISION	    0x70u
#define CNA_CONV_MODE		    0xfu
#define CNA_DEPTHWISE		    3u
#define REG_CNA_CONV_CON2	    0x1010
#define REG_CNA_CONV_CON3	    0x1014
#define CNA_ATROUS_Y_DILATION	    0x3e00000u
#define CNA_ATROUS_X_DILATION	    0x1f0000u
#define CNA_DECONV_Y_STRIDE	    0x3800u
#define CNA_DECONV_X_STRIDE	    0x700u
#define CNA_STRIDE_Y		    0x38u
#define CNA_STRIDE_X		    0x7u
#define REG_CNA_DATA_SIZE0	    0x1020
#define CNA_DATAIN_WIDTH	    0x7ff0000u
#define CNA_DATAIN_HEIGHT	    0x7ffu
#define REG_CNA_DATA_SIZE1	    0x1024
#define CNA_DATAIN_CHANNEL_REAL	    0x3fff0000u
#define CNA_DATAIN_CHANNEL	    0xffffu
#define REG_CNA_DATA_SIZE2	    0x1028
#define CNA_DATAOUT_WIDTH	    0x7ffu
#define REG_CNA_DATA_SIZE3	    0x102c
#define CNA_SURF_MODE_SERIAL	    0x800000u
#define CNA_DATAOUT_ATOMICS	    0x3fffffu
#define REG_CNA_WEIGHT_SIZE0	    0x1030
#define REG_CNA_WEIGHT_SIZE1	    0x1034
#define CNA_WEIGHT_BYTES_PER_KERNEL 0x7ffffu
#define REG_CNA_WEIGHT_SIZE2	    0x1038
#define CNA_WEIGHT_WIDTH	    0x1f000000u
#define CNA_WEIGHT_HEIGHT	    0x1f0000u
#define CNA_WEIGHT_KERNELS	    0x3fffu
#define REG_CNA_CBUF_CON0	    0x1040
#define CNA_WEIGHT_REUSE	    0x2000u
#define CNA_DATA_REUSE		    0x1000u
#define CNA_FC_DATA_BANK	    0x700u
#define CNA_DATA_BANK		    0xfu
#define CNA_BANK_BYTES		    0x8000u
#define REG_CNA_CVT_CON0	    0x104c
#define CNA_CVT_TRUNCATE_0	    0x3f0u
#define CNA_CVT_LANE_BITS	    6u /* the next lane's field is this much higher */
#define CNA_CVT_DATA_SIGN	    0x8u
#define CNA_CVT_ROUND_UP	    0x4u
#define CNA_CVT_ADD_FIRST	    0x2u
#define CNA_CVT_BYPASS		    0x1u
#define REG_CNA_CVT_CON1	    0x1050 /* of lane 0; one register per lane */
#define CNA_CVT_SCALE		    0xffff0000u
#define CNA_CVT_OFFSET		    0xffffu
#define REG_CNA_FC_CON0		    0x1060
#define CNA_FC_SKIP_EN		    0x1u
#define REG_CNA_PAD_CON0	    0x1068
#define CNA_PAD_LEFT		    0xf0u
#define CNA_PAD_TOP		    0xfu
#define REG_CNA_FEATURE_DATA_ADDR   0x1070
#define REG_CNA_DMA_CON1	    0x107c
#define CNA_LINE_STRIDE		    0xfffffffu
#define REG_CNA_DMA_CON2	    0x1080
#define CNA_SURF_STRIDE		    0xfffffffu
#define REG_CNA_FC_DATA_SIZE0	    0x1084
#define CNA_DMA_WIDTH		    0x3fff0000u
#define CNA_DMA_HEIGHT		    0x7ffu
#define REG_CNA_FC_DATA_SIZE1	    0x1088
#define CNA_DMA_CHANNEL		    0xffffu
#define REG_CNA_DCOMP_CTRL	    0x1100
#define CNA_WT_DEC_BYPASS	    0x8u
#define CNA_DECOMP_CONTROL	    0x7u
#define REG_CNA_DCOMP_REGNUM	    0x1104
#define CNA_DCOMP_16_SEGMENTS	    0x55555555u
#define REG_CNA_DCOMP_ADDR0	    0x1110
#define REG_CNA_DCOMP_AMOUNT0	    0x1140
#define REG_CNA_CVT_CON5	    0x1180
#define REG_CNA_PAD_CON1	    0x1184

/* CORE (hardware reference 5). */
#define REG_CORE_S_POINTER	0x3004
#define REG_CORE_MAC_GATING	0x300c
#define CORE_MAC_GATING_RESET	0x07800800u
#define REG_CORE_MISC_CFG	0x3010
#define CORE_PROC_PRECISION	0x700u
#define CORE_DW_EN		0x2u
#define CORE_QD_EN		0x1u
#define REG_CORE_DATAOUT_SIZE_0 0x3014
#define CORE_DATAOUT_HEIGHT	0xffff0000u
#define CORE_DATAOUT_WIDTH	0xffffu
#define REG_CORE_DATAOUT_SIZE_1 0x3018
#define CORE_DATAOUT_CHANNEL	0xffffu
#define REG_CORE_CLIP_TRUNCATE	0x301c
#define CORE_CLIP_ROUND_UP	0x40u
#define CORE_CLIP_TRUNCATE	0x1fu

/* DPU (hardware reference 6). */
#define REG_DPU_S_POINTER	     0x4004
#define REG_DPU_FEATURE_MODE_CFG     0x400c
#define DPU_COMB_USE		     0x80000000u
#define DPU_TP_EN		     0x40000000u
#define DPU_RGP_TYPE		     0x3c000000u
#define DPU_NONALIGN		     0x2000000u
#define DPU_CONV_MODE		     0x18u
#define DPU_OUTPUT_MODE		     0x6u
#define DPU_OUTPUT_TO_PPU	     0x2u
#define DPU_OUTPUT_TO_MEMORY	     0x4u
#define DPU_FLYING_MODE		     0x1u
#define REG_DPU_DATA_FORMAT	     0x4010
#define DPU_OUT_PRECISION	     0xe0000000u
#define DPU_IN_PRECISION	     0x1c000000u
#define DPU_EW_TRUNCATE_NEG	     0x3ff0000u
#define DPU_BN_SHIFT_NEG	     0xfc00u
#define DPU_BS_SHIFT_NEG	     0x3f0u
#define DPU_MC_SURF_OUT		     0x8u
#define DPU_PROC_PRECISION	     0x7u
#define REG_DPU_OFFSET_PEND	     0x4014
#define DPU_OFFSET_PEND		     0xffffu
#define REG_DPU_WDMA_SIZE_0_OLD	     0x4018
#define REG_DPU_WDMA_SIZE_1_OLD	     0x401c
#define REG_DPU_DST_BASE_ADDR	     0x4020
#define REG_DPU_DST_SURF_STRIDE	     0x4024
#define DPU_ATOMS_IN_BYTES	     0xfffffff0u
#define REG_DPU_DATA_CUBE_WIDTH	     0x4030
#define DPU_CUBE_WIDTH		     0x1fffu
#define REG_DPU_DATA_CUBE_HEIGHT     0x4034
#define DPU_MINMAX_CTL		     0x1c00000u
#define DPU_CUBE_HEIGHT		     0x1fffu
#define REG_DPU_DATA_CUBE_NOTCH_ADDR 0x4038
#define DPU_NOTCH_ADDR_1	     0x1fff0000u
#define DPU_NOTCH_ADDR_0	     0x1fffu
#define REG_DPU_DATA_CUBE_CHANNEL    0x403c
#define DPU_ORIG_CHANNEL	     0x1fff0000u
#define DPU_CHANNEL		     0x1fffu
#define REG_DPU_BS_CFG		     0x4040
#define REG_DPU_BS_ALU_CFG	     0x4044
#define REG_DPU_BS_MUL_CFG	     0x4048
#define REG_DPU_BS_RELUX_CMP_VALUE   0x404c
#define REG_DPU_BS_OW_CFG	     0x4050
#define DPU_RGP_CNTER		     0xf0000000u
#define DPU_TP_ORG_EN		     0x8000000u
#define DPU_SIZE_E_2		     0x700u
#define DPU_SIZE_E_1		     0xe0u
#define DPU_SIZE_E_0		     0x1cu
#define DPU_OD_BYPASS		     0x2u
#define DPU_OW_SRC		     0x1u
#define REG_DPU_BS_OW_OP	     0x4054
#define DPU_OW_OP		     0xffffu
#define REG_DPU_WDMA_SIZE_0	     0x4058
#define DPU_SIZE_C_WDMA		     0x7ff0000u
#define DPU_CHANNEL_WDMA	     0x1fffu
#define REG_DPU_WDMA_SIZE_1	     0x405c
#define DPU_HEIGHT_WDMA		     0x1fff0000u
#define DPU_WIDTH_WDMA		     0x1fffu
#define REG_DPU_BN_CFG		     0x4060
#define REG_DPU_BN_ALU_CFG	     0x4064
#define REG_DPU_BN_MUL_CFG	     0x4068
#define REG_DPU_BN_RELUX_CMP_VALUE   0x406c
/* The fields that BS_CFG, BN_CFG and (partly) EW_CFG share. */
#define DPU_STAGE_ALU_ALGO     0xf0000u
#define DPU_STAGE_ALU_ADD      0x20000u
#define DPU_STAGE_ALU_SUBTRACT 0x40000u
#define DPU_STAGE_ALU_SRC      0x100u
#define DPU_STAGE_RELUX_EN     0x80u
#define DPU_STAGE_RELU_BYPASS  0x40u
#define DPU_STAGE_MUL_PRELU    0x20u
#define DPU_STAGE_MUL_BYPASS   0x10u
#define DPU_STAGE_ALU_BYPASS   0x2u
#define DPU_STAGE_BYPASS       0x1u
/* BS_MUL_CFG and BN_MUL_CFG. */
#define DPU_MUL_OPERAND		    0xffff0000u
#define DPU_MUL_SHIFT		    0x3f00u
#define DPU_TRUNCATE_SRC	    0x2u
#define DPU_MUL_SRC		    0x1u
#define REG_DPU_EW_CFG		    0x4070
#define DPU_EW_CVT_ADD_FIRST	    0x80000000u
#define DPU_EW_CVT_ROUND_AWAY	    0x40000000u
#define DPU_EW_DATA_MODE	    0x30000000u
#define DPU_EW_EDATA_SIZE	    0xc00000u
#define DPU_EW_EQUAL_EN		    0x200000u
#define DPU_EW_BINARY_EN	    0x100000u
#define DPU_EW_ALU_ALGO		    0xf0000u
#define DPU_EW_RELUX_EN		    0x400u
#define DPU_EW_RELU_BYPASS	    0x200u
#define DPU_EW_OP_CVT_BYPASS	    0x100u
#define DPU_EW_LUT_BYPASS	    0x80u
#define DPU_EW_OP_SRC		    0x40u
#define DPU_EW_MUL_PRELU	    0x20u
#define DPU_EW_OP_TYPE		    0x4u
#define DPU_EW_OP_BYPASS	    0x2u
#define REG_DPU_EW_CVT_OFFSET_VALUE 0x4074
#define REG_DPU_EW_CVT_SCALE_VALUE  0x4078
#define DPU_EW_TRUNCATE		    0xffc00000u
#define DPU_EW_CVT_SHIFT	    0x3f0000u
#define DPU_EW_CVT_SCALE	    0xffffu
#define REG_DPU_EW_RELUX_CMP_VALUE  0x407c
#define REG_DPU_EW_OP_VALUE_0	    0x4090
#define REG_DPU_OUT_CVT_OFFSET	    0x4080
#define REG_DPU_OUT_CVT_SCALE	    0x4084
#define DPU_FP32TOFP16_EN	    0x10000u
#define DPU_OUT_CVT_SCALE	    0xffffu
#define REG_DPU_OUT_CVT_SHIFT	    0x4088
#define DPU_CVT_ADD_FIRST	    0x80000000u
#define DPU_CVT_ROUND_AWAY	    0x40000000u
#define DPU_MINUS_EXP		    0xff000u
#define DPU_OUT_CVT_SHIFT	    0xfffu
#define REG_DPU_SURFACE_ADD	    0x40c0
#define REG_DPU_LUT_ACCESS_CFG	    0x4100
#define DPU_LUT_ACCESS_WRITE	    0x20000u
#define DPU_LUT_TABLE_ID	    0x10000u
#define DPU_LUT_ADDR		    0x3ffu
#define REG_DPU_LUT_ACCESS_DATA	    0x4104
#define REG_DPU_LUT_CFG		    0x4108
#define DPU_LUT_CAL_SEL		    0x80u
#define DPU_LUT_HYBRID_PRIORITY	    0x40u
#define DPU_LUT_OFLOW_PRIORITY	    0x20u
#define DPU_LUT_UFLOW_PRIORITY	    0x10u
#define DPU_LUT_LO_LE_MUX	    0xcu
#define DPU_LUT_LO_LE_MUX_USUAL	    0x8u
#define DPU_LUT_EXPAND_EN	    0x2u
#define DPU_LUT_ROAD_SEL	    0x1u
#define REG_DPU_LUT_INFO	    0x410c
#define DPU_LUT_LO_INDEX_SELECT	    0xff0000u
#define DPU_LUT_LE_INDEX_SELECT	    0xff00u
#define REG_DPU_LUT_LE_START	    0x4110
#define REG_DPU_LUT_LE_END	    0x4114
#define REG_DPU_LUT_LO_START	    0x4118
#define REG_DPU_LUT_LO_END	    0x411c
#define REG_DPU_LUT_LE_SLOPE_SCALE  0x4120
#define REG_DPU_LUT_LE_SLOPE_SHIFT  0x4124
#define REG_DPU_LUT_LO_SLOPE_SCALE  0x4128
#define REG_DPU_LUT_LO_SLOPE_SHIFT  0x412c
/* Of both tables' slopes. */
#define DPU_LUT_OFLOW_SCALE 0xffff0000u
#define DPU_LUT_UFLOW_SCALE 0xffffu
#define DPU_LUT_OFLOW_SHIFT 0x3e0u
#define DPU_LUT_UFLOW_SHIFT 0x1fu

/* DPU_RDMA (hardware reference 7). */
#define REG_RDMA_DATA_CUBE_WIDTH   0x500c
#define REG_RDMA_DATA_CUBE_HEIGHT  0x5010
#define RDMA_EW_LINE_NOTCH	   0x1fff0000u
#define RDMA_CUBE_SIZE		   0x1fffu
#define REG_RDMA_DATA_CUBE_CHANNEL 0x5014
#define REG_RDMA_SRC_BASE_ADDR	   0x5018
#define REG_RDMA_BRDMA_CFG	   0x501c
#define RDMA_DATA_USE		   0x1eu
#define REG_RDMA_BS_BASE_ADDR	   0x5020
#define REG_RDMA_NRDMA_CFG	   0x5028
#define REG_RDMA_BN_BASE_ADDR	   0x502c
#define REG_RDMA_ERDMA_CFG	   0x5034
#define RDMA_ERDMA_DATA_MODE	   0xc0000000u
#define RDMA_ERDMA_SURF_MODE	   0x20000000u
#define RDMA_ERDMA_NONALIGN	   0x10000000u
#define RDMA_ERDMA_DATA_SIZE	   0xcu
#define RDMA_ERDMA_DISABLE	   0x1u
#define REG_RDMA_EW_BASE_ADDR	   0x5038
#define REG_RDMA_EW_SURF_STRIDE	   0x5040
#define REG_RDMA_FEATURE_MODE_CFG  0x5044
#define RDMA_IN_PRECISION	   0x38000u
#define RDMA_COMB_USE		   0x700u
#define RDMA_COMB_USE_RESIDUAL	   0x500u
#define RDMA_PROC_PRECISION	   0xe0u
#define RDMA_MRDMA_DISABLE	   0x10u
#define RDMA_FLYING_MODE	   0x1u
#define REG_RDMA_SRC_DMA_CFG	   0x5048
#define RDMA_LINE_NOTCH		   0xfff80000u
#define RDMA_UNPOOLING_EN	   0x1000u
#define REG_RDMA_SURF_NOTCH	   0x504c
#define REG_RDMA_EW_SURF_NOTCH	   0x506c

/* PPU and PPU_RDMA (hardware reference 8). */
#define REG_PPU_CUBE_IN_WIDTH	    0x600c
#define REG_PPU_CUBE_IN_HEIGHT	    0x6010
#define REG_PPU_CUBE_IN_CHANNEL	    0x6014
#define REG_PPU_CUBE_OUT_WIDTH	    0x6018
#define REG_PPU_CUBE_OUT_HEIGHT	    0x601c
#define REG_PPU_CUBE_OUT_CHANNEL    0x6020
#define PPU_CUBE_SIZE		    0x1fffu
#define REG_PPU_OPERATION_MODE_CFG  0x6024
#define PPU_INDEX_EN		    0x40000000u
#define PPU_NOTCH_ADDR		    0x1fff0000u
#define PPU_USE_CNT		    0xe0u
#define PPU_FLYING_MODE		    0x10u
#define PPU_POOLING_METHOD	    0x3u
#define REG_PPU_POOLING_KERNEL_CFG  0x6034
#define PPU_STRIDE_HEIGHT	    0xf00000u
#define PPU_STRIDE_WIDTH	    0xf0000u
#define PPU_KERNEL_HEIGHT	    0xf00u
#define PPU_KERNEL_WIDTH	    0xfu
#define REG_PPU_RECIP_KERNEL_WIDTH  0x6038
#define REG_PPU_RECIP_KERNEL_HEIGHT 0x603c
#define PPU_RECIPROCAL		    0x1ffffu
#define REG_PPU_POOLING_PADDING_CFG 0x6040
#define PPU_PAD_TOP		    0x70u
#define PPU_PAD_LEFT		    0x7u
#define REG_PPU_PADDING_VALUE_1_CFG 0x6044
#define REG_PPU_PADDING_VALUE_2_CFG 0x6048
#define PPU_PAD_VALUE_HIGH	    0x7u
#define REG_PPU_DST_BASE_ADDR	    0x6070
#define REG_PPU_DST_SURF_STRIDE	    0x607c
#define REG_PPU_DATA_FORMAT	    0x6084
#define PPU_DPU_FLYIN		    0x8u
#define PPU_PROC_PRECISION	    0x7u
#define REG_PPU_MISC_CTRL	    0x60dc
#define PPU_SURF_LEN		    0xffff0000u
#define PPU_MC_SURF_OUT		    0x100u
#define PPU_NONALIGN		    0x80u
#define REG_PPU_RDMA_IN_WIDTH	    0x700c
#define REG_PPU_RDMA_IN_HEIGHT	    0x7010
#define REG_PPU_RDMA_IN_CHANNEL	    0x7014
#define REG_PPU_RDMA_SRC_BASE_ADDR  0x701c
#define REG_PPU_RDMA_LINE_STRIDE    0x7024
#define REG_PPU_RDMA_SURF_STRIDE    0x7028
#define REG_PPU_RDMA_DATA_FORMAT    0x7030
#define PPU_RDMA_IN_PRECISION	    0x3u

/* Codes of the precision fields (hardware reference 0, 4.12, 6.2). */
enum rk3588_precision {
	RK3588_INT8 = 0,
	RK3588_INT16 = 1,
	RK3588_FP16 = 2,
	RK3588_BF16 = 3,
	RK3588_INT32 = 4, /* DPU only */
	RK3588_FP32 = 5,  /* DPU only */
	RK3588_INT4 = 6,
	RK3588_TF32 = 7, /* CNA and CORE only */
};

/* IOMMU banks: core 0 has both, cores 1 and 2 the second one (hardware reference 1.1, 3.6). */
#define REG_MMU_BANK_0	     0x9000
#define REG_MMU_BANK_1	     0xa000
#define MMU_BANK_BYTES	     0x100
#define MMU_DTE_ADDR	     0x00
#define MMU_STATUS	     0x04
#define MMU_PAGING_ENABLED   0x1u
#define MMU_FAULT_ACTIVE     0x2u
#define MMU_STALL_ACTIVE     0x4u
#define MMU_IDLE	     0x8u
#define MMU_REPLAY_EMPTY     0x10u
#define MMU_FAULT_IS_WRITE   0x20u
#define MMU_STALL_NOT_ACTIVE 0x80000000u
#define MMU_COMMAND	     0x08
#define MMU_PAGE_FAULT_ADDR  0x0c
#define MMU_ZAP_ONE_LINE     0x10
#define MMU_INT_RAWSTAT	     0x14
#define MMU_INT_CLEAR	     0x18
#define MMU_INT_MASK	     0x1c
#define MMU_INT_STATUS	     0x20
#define MMU_INT_PAGE_FAULT   0x1u
#define MMU_INT_BUS_ERROR    0x2u
#define MMU_AUTO_GATING	     0x24

enum rk3588_mmu_command {
	MMU_ENABLE_PAGING = 0,
	MMU_DISABLE_PAGING = 1,
	MMU_ENABLE_STALL = 2,
	MMU_DISABLE_STALL = 3,
	MMU_ZAP_CACHE = 4,
	MMU_PAGE_FAULT_DONE = 5,
	MMU_FORCE_RESET = 6,
};

/* Table entries of the second format (hardware reference 3.6): 40-bit addresses folded into 32. */
#define MMU_ENTRY_VALID	  0x1u
#define MMU_PAGE_READABLE 0x2u
#define MMU_PAGE_WRITABLE 0x4u
#define MMU_PAGE_BYTES	  4096u
#define MMU_TABLE_ENTRIES 1024u

static inline uint32_t mmu_entry_encode(uint64_t pa)
{
	return (uint32_t)(pa & 0xfffff000u) | (uint32_t)(pa >> 32 & 0xf) << 8 |
	       (uint32_t)(pa >> 36 & 0xf) << 4;
}

static inline uint64_t mmu_entry_decode(uint32_t entry)
{
	return (entry & 0xfffff000u) | (uint64_t)(entry >> 8 & 0xf) << 32 |
	       (uint64_t)(entry >> 4 & 0xf) << 36;
}

#endif
