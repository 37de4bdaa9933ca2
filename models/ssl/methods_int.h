#ifndef AS_MODELS_SSL_METHODS_INT_H
#define AS_MODELS_SSL_METHODS_INT_H

#include "models/ssl/ssl.h"

extern const as_ssl_method as_ssl_simclr, as_ssl_moco, as_ssl_mocov3, as_ssl_pcl, as_ssl_obow, as_ssl_byol,
    as_ssl_dino, as_ssl_simsiam, as_ssl_barlow, as_ssl_vicreg, as_ssl_swav, as_ssl_deepcluster, as_ssl_sela,
    as_ssl_supervised, as_ssl_untrained;

#endif
