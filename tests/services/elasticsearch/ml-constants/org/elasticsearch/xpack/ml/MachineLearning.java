package org.elasticsearch.xpack.ml;

import org.elasticsearch.license.License;
import org.elasticsearch.license.LicensedFeature;

/**
 * The two constants of the absent x-pack-ml module that ES|QL links to: without them `CATEGORIZE` ends the node. Both
 * features need a platinum licence, as in the distributions, so that a basic one refuses them.
 */
public final class MachineLearning {
    public static final LicensedFeature.Momentary CATEGORIZE_TEXT_AGG_FEATURE =
        LicensedFeature.momentary("machine-learning", "categorize-text-agg", License.OperationMode.PLATINUM);
    public static final LicensedFeature.Momentary CHANGE_POINT_AGG_FEATURE =
        LicensedFeature.momentary("machine-learning", "change-point-agg", License.OperationMode.PLATINUM);
}
