/* timm's and torchvision's names of architectures, in the words of arch.c. timm appends the training to the name behind a
 * dot ("resnet50.tv_in1k"); it changes weights and preset, never the layers of those listed here. */
#include <string.h>

#include "models/arch.h"

#define DINOV2 "patch=14,ls=1,posgrid=37,resize=exact"
#define DINOV2_REG "patch=14,ls=1,reg=4,poscls=0,posgrid=37,resize=exact"

/* timm/models/vision_transformer.py, deit.py, resnet.py; torchvision/models/vision_transformer.py. timm resamples a
 * position grid antialiased (layers/pos_embed.py), which is resize=exact here. */
static const as_arch_alias aliases[] = {
    {"vit_tiny_patch16_224", "vit_tiny:patch=16", 224},
    {"vit_tiny_patch16_384", "vit_tiny:patch=16,posgrid=24", 384},
    {"vit_small_patch8_224", "vit_small:patch=8", 224},
    {"vit_small_patch16_224", "vit_small:patch=16", 224},
    {"vit_small_patch16_384", "vit_small:patch=16,posgrid=24", 384},
    {"vit_small_patch32_224", "vit_small:patch=32", 224},
    {"vit_small_patch32_384", "vit_small:patch=32,posgrid=12", 384},
    {"vit_base_patch8_224", "vit_base:patch=8", 224},
    {"vit_base_patch16_224", "vit_base:patch=16", 224},
    {"vit_base_patch16_384", "vit_base:patch=16,posgrid=24", 384},
    {"vit_base_patch32_224", "vit_base:patch=32", 224},
    {"vit_base_patch32_384", "vit_base:patch=32,posgrid=12", 384},
    {"vit_large_patch14_224", "vit_large:patch=14", 224},
    {"vit_large_patch16_224", "vit_large:patch=16", 224},
    {"vit_large_patch16_384", "vit_large:patch=16,posgrid=24", 384},
    {"vit_large_patch32_384", "vit_large:patch=32,posgrid=12", 384},
    {"vit_huge_patch14_224", "vit_huge:patch=14", 224},
    {"vit_giant_patch14_224", "vit_base:patch=14,dim=1408,depth=40,heads=16,mlp=6144", 224},
    {"vit_small_patch14_dinov2", "vit_small:" DINOV2, 518},
    {"vit_base_patch14_dinov2", "vit_base:" DINOV2, 518},
    {"vit_large_patch14_dinov2", "vit_large:" DINOV2, 518},
    {"vit_small_patch14_reg4_dinov2", "vit_small:" DINOV2_REG, 518},
    {"vit_base_patch14_reg4_dinov2", "vit_base:" DINOV2_REG, 518},
    {"vit_large_patch14_reg4_dinov2", "vit_large:" DINOV2_REG, 518},
    {"deit_tiny_patch16_224", "vit_tiny:patch=16", 224},
    {"deit_small_patch16_224", "vit_small:patch=16", 224},
    {"deit_base_patch16_224", "vit_base:patch=16", 224},
    {"deit_base_patch16_384", "vit_base:patch=16,posgrid=24", 384},
    {"deit3_small_patch16_224", "vit_small:patch=16,ls=1,poscls=0", 224},
    {"deit3_base_patch16_224", "vit_base:patch=16,ls=1,poscls=0", 224},
    {"deit3_large_patch16_224", "vit_large:patch=16,ls=1,poscls=0", 224},
    {"vit_b_16", "vit_base:patch=16", 224},
    {"vit_b_32", "vit_base:patch=32", 224},
    {"vit_l_16", "vit_large:patch=16", 224},
    {"vit_l_32", "vit_large:patch=32", 224},
    {"vit_h_14", "vit_huge:patch=14", 224},
    {"resnet26", "resnet50:blocks=2-2-2-2", 224},
    {"resnet26d", "resnet50:blocks=2-2-2-2,stem=deep,down=avg", 224},
    {"resnet50d", "resnet50:stem=deep,down=avg", 224},
    {"resnet101d", "resnet101:stem=deep,down=avg", 224},
    {"resnet152d", "resnet152:stem=deep,down=avg", 224},
    {"wide_resnet101_2", "resnet101:inner=2", 224},
};

const as_arch_alias *as_arch_alias_at(size_t i) {
  return i < sizeof aliases / sizeof *aliases ? &aliases[i] : NULL;
}
